//! The bare server as a program; see `bare` in the library. It says where it listens, as the servers do that are compared.

use sanket_load::bare::Bare;
use sanket_load::fault::{Fault, Result};
use std::process::ExitCode;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<()> {
    // Fewer connections than wanted are noticed when they are accepted.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut bare = Bare::listen().map_err(|fault: Fault| fault.at("the bare server"))?;
    println!("listening on http://{}", bare.address()?);
    bare.run()
}
