//! With the feature `client-files`: installs `socket.io-client` with npm, and writes the table of its files that
//! `src/client_files.rs` includes. Without the feature nothing is done, and neither Node.js nor npm is needed.
//!
//! Where docs.rs builds, which has no network, there are no files: `DOCS_RS` in the environment.
//!
//! Nothing is written outside `OUT_DIR`: the list of packages is copied there, and npm works there.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What npm needs to install the package, and the script that compresses its files.
const SOURCES: [&str; 3] = ["package.json", "package-lock.json", "compress.mjs"];
/// The files of `socket.io-client` that pages load. Beside each there is a source map.
const FILES: [&str; 4] = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
/// Names of content codings in `request::Encoding`, and the ends of the names of files in them; the smallest first.
const ENCODINGS: [(&str, &str); 3] = [("Brotli", ".br"), ("Gzip", ".gz"), ("Deflate", ".zz")];
/// Variables of the environment, each of which builds without the files.
const SKIP: [&str; 2] = ["SANKET_SKIP_WEB", "DOCS_RS"];
const REMEDY: &str = "the feature `client-files` needs Node.js and npm (https://nodejs.org); set SANKET_SKIP_WEB=1 to build \
     without the files";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CLIENT_FILES").is_none() {
        return;
    }
    for variable in SKIP {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if let Err(error) = run() {
        // One directive is one line.
        for line in error.to_string().lines().chain([REMEDY]) {
            println!("cargo::error={line}");
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut table = String::new();
    let is_set = |variable| env::var(variable).is_ok_and(|value| !["", "0"].contains(&value.as_str()));
    if !SKIP.into_iter().any(is_set) {
        let dir = out.join("client-files");
        install(&dir)?;
        list(&dir, &mut table)?;
    }
    Ok(fs::write(out.join("client_files.rs"), format!("&[\n{table}]\n"))?)
}

fn install(dir: &Path) -> Result<(), Box<dyn Error>> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    for name in SOURCES {
        let source = Path::new("client-files").join(name);
        println!("cargo::rerun-if-changed={}", source.display());
        fs::copy(source, dir.join(name))?;
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    // No script of any package has to run.
    output(npm, "ci --ignore-scripts --no-audit --no-fund --prefer-offline", dir).map(drop)
}

/// Compresses the files and adds them to the table. Their tag is the version of the package, as in the reference.
fn list(dir: &Path, table: &mut String) -> Result<(), Box<dyn Error>> {
    let names = FILES.map(|name| format!("{name} {name}.map")).join(" ");
    let version = output("node", &format!("compress.mjs {names}"), dir)?;
    for name in names.split(' ') {
        write!(table, r#"File {{ name: "{name}", etag: "\"{version}\"", bytes: {}, encoded: &["#, include(name))?;
        for (encoding, suffix) in ENCODINGS {
            write!(table, "(Encoding::{encoding}, {}), ", include(&format!("{name}{suffix}")))?;
        }
        writeln!(table, "] }},")?;
    }
    Ok(())
}

/// The expression for the bytes of a file.
fn include(name: &str) -> String {
    format!(r#"include_bytes!(concat!(env!("OUT_DIR"), "/client-files/client/{name}"))"#)
}

/// What a program prints if it succeeds; if it fails, all that it printed is the error.
fn output(program: &str, arguments: &str, dir: &Path) -> Result<String, Box<dyn Error>> {
    let result = Command::new(program).args(arguments.split(' ')).current_dir(dir).output();
    let output = result.map_err(|error| format!("`{program}` does not start: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.trim().to_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{program} {arguments}` failed, {}\n{stdout}{stderr}", output.status).into())
}
