//! Serves the application of an example. The variable `LISTEN` is another address, and `ALLOW_ORIGIN` another origin that pages may
//! come from. The argument is a directory of pages to serve beside it.

use async_std::task::block_on;
use sanket::App;
use sanket_async_std::{Options, Origins, Server, Setup, setup};
use std::net::SocketAddr;
use std::{env, error::Error, path::PathBuf};
use tide::listener::Listener;

pub(crate) fn serve(app: impl App + Send + 'static, origin: &str) -> Result<(), Box<dyn Error>> {
    let setting = |name, default: &str| env::var(name).unwrap_or_else(|_| default.into());
    let address: SocketAddr = setting("LISTEN", "127.0.0.1:3000").parse()?;
    let origins = Origins::listed(vec![setting("ALLOW_ORIGIN", origin).parse()?]);
    let server = Server::start(app, Setup { options: Options::default().origins(origins), ..setup() })?;
    let mut pages = tide::new();
    if let Some(directory) = env::args_os().nth(1).map(PathBuf::from) {
        pages.at("/").serve_file(directory.join("index.html"))?;
        pages.at("/").serve_dir(directory)?;
    }
    block_on(async {
        let mut listener = pages.bind(server.listener([address])).await?;
        eprintln!("listening on http://{}", server.addresses()[0]);
        Ok(Listener::<()>::accept(&mut listener).await?)
    })
}
