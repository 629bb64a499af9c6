//! Pages from elsewhere, over polling and WebSocket alike (CVE-2019-13611, CVE-2020-28481).

use crate::client::Client;
use crate::house::House;
use async_std::io::{ReadExt as _, WriteExt as _};
use async_std::net::TcpStream;
use async_std::task::block_on;
use async_tungstenite::tungstenite::Error;
use sanket::Config;
use sanket_async_std::Origins;

async fn request(house: &House, method: &str, origin: &str) -> String {
    let mut stream = TcpStream::connect(house.address).await.expect("a connection");
    let head = format!(
        "{method} /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\nConnection: close\r\n\r\n",
        house.address
    );
    stream.write_all(head.as_bytes()).await.expect("the server takes it");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.to_lowercase()
}

#[test]
fn a_page_from_elsewhere_is_refused_unless_it_is_listed() {
    block_on(async {
        let friend = "https://friend.example";
        let house = House::open(Config::default(), Origins::listed(vec![friend.parse().expect("an origin")])).await;
        let own = format!("http://{}", house.address);

        let refused = request(&house, "GET", "https://evil.example").await;
        assert!(refused.starts_with("http/1.1 403 "), "{refused}");
        assert!(refused.ends_with(r#"{"code":4,"message":"forbidden"}"#), "{refused}");
        assert!(!refused.contains("access-control"), "{refused}");
        match Client::open(house.address, Some("https://evil.example")).await.map(drop) {
            Err(Error::Http(response)) => assert_eq!(response.status(), 403),
            other => panic!("{other:?}"),
        }

        let allowed = request(&house, "GET", friend).await;
        assert!(allowed.starts_with("http/1.1 200 "), "{allowed}");
        assert!(allowed.contains("access-control-allow-origin: https://friend.example\r\n"), "{allowed}");
        assert!(allowed.contains("vary: origin\r\n"), "{allowed}");
        assert!(Client::open(house.address, Some(friend)).await.is_ok());

        let preflight = request(&house, "OPTIONS", friend).await;
        assert!(preflight.starts_with("http/1.1 204 "), "{preflight}");
        assert!(preflight.contains("access-control-allow-headers: content-type\r\n"), "{preflight}");

        let same = request(&house, "GET", &own).await;
        assert!(same.starts_with("http/1.1 200 "), "{same}");
        assert!(!same.contains("access-control"), "{same}");
        assert!(Client::open(house.address, Some(&own)).await.is_ok());
    });
}

#[test]
fn where_any_page_is_let_in_none_may_use_credentials() {
    block_on(async {
        let house = House::open(Config::default(), Origins::any()).await;
        let allowed = request(&house, "GET", "https://anybody.example").await;
        assert!(allowed.starts_with("http/1.1 200 "), "{allowed}");
        assert!(allowed.contains("access-control-allow-origin: *\r\n"), "{allowed}");
        assert!(!allowed.contains("credentials"), "{allowed}");
        assert!(Client::open(house.address, Some("https://anybody.example")).await.is_ok());
    });
}
