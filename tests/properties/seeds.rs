//! Replays the seeds of the fuzz targets: inputs that have broken another server of this kind (`fuzz/seeds`) or this
//! one (`fuzz/regressions`).

use sanket_tests::fuzz::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a directory of `fuzz`; none where there is no such directory.
fn files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(directory);
    let entries = fs::read_dir(&directory).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a directory can be listed").path()).collect();
    files.sort();
    files
}

#[test]
fn every_seed_and_every_regression() {
    for (target, body) in TARGETS {
        let seeds = files(&format!("seeds/{target}"));
        assert!(!seeds.is_empty(), "no seeds for {target}");
        for path in seeds.into_iter().chain(files(&format!("regressions/{target}"))) {
            println!("{}", path.display());
            body(&fs::read(&path).expect("a seed can be read"));
        }
    }
}

/// What is added to one is added to the others.
#[test]
fn targets_have_bodies_and_bodies_have_targets() {
    let stems = |directory: &str| -> BTreeSet<String> {
        files(directory).iter().map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
    };
    let bodies: BTreeSet<String> = TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect();
    assert_eq!(stems("fuzz_targets"), bodies);
    assert_eq!(stems("seeds"), bodies);
    assert!(stems("regressions").is_subset(&bodies));
}
