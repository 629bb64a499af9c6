//! The front door with a client that was written by others: async-h1's.
use crate::house::house;
use async_std::net::TcpStream;
use tide::http::{Method, Request, Response, Url};

async fn ask(stream: &TcpStream, method: Method, path: &str, body: Option<&str>) -> (Response, String) {
    let url = Url::parse(&format!("http://{}{path}", stream.peer_addr().unwrap())).unwrap();
    let mut request = Request::new(method, url);
    if let Some(body) = body {
        request.set_body(body);
    }
    let mut response = async_h1::connect(stream.clone(), request).await.unwrap();
    let body = response.body_string().await.unwrap();
    (response, body)
}

#[test]
fn async_h1_keeps_its_connection() {
    async_std::task::block_on(converse());
}

async fn converse() {
    let house = house();
    let stream = TcpStream::connect(house.addr()).await.unwrap();
    for n in 0..20 {
        let (response, body) = ask(&stream, Method::Get, "/", None).await;
        assert_eq!((response.status() as u16, body.as_str()), (200, "hello"));
        let text = "x".repeat(n * 5000);
        let (response, body) = ask(&stream, Method::Post, "/echo", Some(&text)).await;
        assert_eq!((response.status() as u16, body), (200, text));
        let (_, body) = ask(&stream, Method::Get, "/chunks", None).await;
        assert_eq!(body, "streamed");
    }
    assert_eq!(house.handle.connections(), 1);
}
