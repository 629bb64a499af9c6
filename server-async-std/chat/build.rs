//! Builds the page in `web/` with Node.js and npm, and writes the table of its files that `src/page.rs` includes.
//!
//! Nothing is written outside `OUT_DIR`: the sources are copied there, and npm works there.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The directory of the page's sources.
const WEB: &str = "../../web";
/// What the page is built from. Nothing else in `web/` is copied or watched, `node_modules` for example.
const SOURCES: &str = "package.json package-lock.json vite.config.js index.html public src";
/// The oldest version that Vite 8 runs on.
const NODE: (u32, u32) = (20, 19);
const REMEDY: &str = "the page is built by Node.js and npm: install Node.js 20.19 or newer (https://nodejs.org), \
     or set SANKET_SKIP_WEB=1 to build the program with a placeholder instead of the page";
const PLACEHOLDER: &str = "<!doctype html><html lang=en><title>sanket</title>\
     <p>This program was built without its page (SANKET_SKIP_WEB).";

fn main() {
    println!("cargo::rerun-if-env-changed=SANKET_SKIP_WEB");
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(error) = run() {
        for line in error.to_string().lines().chain([REMEDY]) {
            println!("cargo::error={line}"); // One directive is one line.
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (web, dist) = (out.join("web"), out.join("web/dist"));
    if web.exists() {
        fs::remove_dir_all(&web)?;
    }
    let mut table = String::new();
    if env::var("SANKET_SKIP_WEB").is_ok_and(|value| !["", "0"].contains(&value.as_str())) {
        fs::create_dir_all(&dist)?;
        fs::write(dist.join("index.html"), PLACEHOLDER)?;
    } else {
        build(&web)?;
    }
    list(&dist, "", &mut table)?;
    Ok(fs::write(out.join("page.rs"), format!("&[\n{table}]\n"))?)
}

fn build(web: &Path) -> Result<(), Box<dyn Error>> {
    let sources = Path::new(WEB);
    fs::create_dir_all(web)?;
    for name in SOURCES.split(' ') {
        println!("cargo::rerun-if-changed={}", sources.join(name).display());
        copy(&sources.join(name), &web.join(name))?;
    }
    let version = output("node", "--version", web)?;
    let mut parts = version.trim_start_matches('v').split('.').map(str::parse);
    if !matches!((parts.next(), parts.next()), (Some(Ok(a)), Some(Ok(b))) if (a, b) >= NODE) {
        return Err(format!("the page cannot be built with Node.js {version}").into());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    // Vite is needed under NODE_ENV=production too. No script of any package has to run.
    output(npm, "ci --include=dev --ignore-scripts --no-audit --no-fund --prefer-offline", web)?;
    output(npm, "run build", web).map(drop)
}

/// What a program prints if it succeeds; if it fails, all that it printed is the error.
fn output(program: &str, arguments: &str, dir: &Path) -> Result<String, Box<dyn Error>> {
    let result = Command::new(program).args(arguments.split(' ')).current_dir(dir).output();
    let output = result.map_err(|error| format!("`{program}` does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said.trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{program} {arguments}` failed, {}\n{said}{complaint}", output.status).into())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// Adds every file under `dir` to the table, in the order of their names.
fn list(dir: &Path, url: &str, table: &mut String) -> Result<(), Box<dyn Error>> {
    let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let url = format!("{url}/{}", entry.file_name().display());
        if entry.path().is_dir() {
            list(&entry.path(), &url, table)?;
            continue;
        }
        let hash = fnv1a(&fs::read(entry.path())?);
        write!(table, r#"Asset {{ path: "{url}", etag: "\"{hash:016x}\"", "#)?;
        writeln!(table, r#"bytes: include_bytes!(concat!(env!("OUT_DIR"), "/web/dist{url}")) }},"#)?;
    }
    Ok(())
}

/// 64-bit FNV-1a: the same on every machine, and nobody else chooses what is hashed.
fn fnv1a(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
