//! The structure of the source of each crate: every file says what it is, none is long, and no imports form a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of the longest file that may be.
const MAX_LINES: usize = 500;
/// The crates' sources; at least how many modules each has; and one import among them, which has to be found.
const CRATES: [(&str, usize, &str, &str); 3] = [
    ("core/src", 30, "room::hub", "room::effects"),
    ("core/host/src", 40, "host::shards", "host::agenda"),
    ("server-async-std/src", 8, "server", "reactor"),
];

/// The source of each module, by its path, without comments and without its tests. The root is the empty path.
type Modules = BTreeMap<Vec<String>, String>;
/// What the names that a module re-exports stand for.
type Exports = BTreeMap<(Vec<String>, String), Vec<String>>;

fn source_files(directory: &Path, visit: &mut impl FnMut(&Path, String)) {
    for entry in fs::read_dir(directory).expect("the source of a crate") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            source_files(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, fs::read_to_string(&path).expect("text"));
        }
    }
}

fn root(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(of)
}

fn modules(root: &Path) -> Modules {
    let mut modules = Modules::new();
    source_files(root, &mut |path, source| {
        let path = path.strip_prefix(root).expect("below the root").with_extension("");
        let mut names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if matches!(names.last().map(String::as_str), Some("mod" | "lib")) {
            names.pop();
        }
        let code = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
        modules.insert(names, lines.collect::<Vec<_>>().join("\n"));
    });
    modules
}

/// The paths of a tree of imports: `a::{b, c::d}` has two.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((before, rest)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{}", tree.trim()));
        return;
    };
    let prefix = format!("{prefix}{}", before.trim());
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in rest.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                if !rest[start..at].trim().is_empty() {
                    expand(&prefix, &rest[start..at], paths);
                }
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}

/// The paths that a module uses, and whether it re-exports each.
fn paths(source: &str) -> Vec<(bool, String)> {
    let (mut found, mut rest) = (Vec::new(), String::new());
    let mut statements = source;
    while let Some(at) = statements.find("use ") {
        let before = &statements[..at];
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        let (tree, after) = statements[at + 4..].split_once(';').unwrap_or_default();
        rest.push_str(before);
        if line.is_empty() || line.starts_with("pub") {
            let mut paths = Vec::new();
            expand("", tree, &mut paths);
            found.extend(paths.into_iter().map(|path| (line.starts_with("pub"), path)));
        }
        statements = after;
    }
    rest.push_str(statements);
    for start in ["crate::", "super::"] {
        for (at, _) in rest.match_indices(start) {
            let path: String =
                rest[at..].chars().take_while(|letter| letter.is_alphanumeric() || "_:".contains(*letter)).collect();
            found.push((false, path));
        }
    }
    found
}

/// The path from the root of the crate; `None` for a path into another crate.
fn absolute(modules: &Modules, module: &[String], path: &str) -> Option<Vec<String>> {
    let path = path.split(" as ").next().unwrap_or_default();
    let mut names: Vec<String> = path.split("::").map(|name| name.trim().to_owned()).collect();
    let mut base = module.to_vec();
    match names[0].as_str() {
        "crate" => base.clear(),
        "super" => drop(base.pop()),
        "self" => {}
        name => {
            base.push(name.to_owned());
            return modules.contains_key(&base).then(|| [base, names.split_off(1)].concat());
        }
    }
    Some([base, names.split_off(1)].concat())
}

/// The module that defines what a path names.
fn definition(modules: &Modules, exports: &Exports, path: &[String]) -> Vec<String> {
    let length = (0..=path.len()).rev().find(|n| modules.contains_key(&path[..*n])).expect("the root");
    let (module, rest) = path.split_at(length);
    let export = rest.first().and_then(|name| exports.get(&(module.to_vec(), name.clone())));
    match export {
        Some(target) => definition(modules, exports, &[target, &rest[1..]].concat()),
        None => module.to_vec(),
    }
}

/// The modules that each module imports something of, itself left out.
fn imports(modules: &Modules) -> BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> {
    let mut exports = Exports::new();
    let mut uses: BTreeMap<&Vec<String>, Vec<Vec<String>>> = BTreeMap::new();
    for (module, source) in modules {
        for (is_export, path) in paths(source) {
            let Some(target) = absolute(modules, module, &path) else { continue };
            if is_export {
                let name = path.rsplit([':', ' ']).next().unwrap_or_default().to_owned();
                exports.insert((module.clone(), name), target);
            } else {
                uses.entry(module).or_default().push(target);
            }
        }
    }
    let mut imports = BTreeMap::new();
    for (module, paths) in uses {
        let targets = paths.iter().map(|path| definition(modules, &exports, path)).filter(|target| target != module);
        imports.insert(module, targets.collect());
    }
    imports
}

#[test]
fn no_imports_form_a_circle() {
    for (of, n_modules, importer, imported) in CRATES {
        let modules = modules(&root(of));
        assert!(modules.len() >= n_modules, "{of}: {:?}", modules.keys());
        let imports = imports(&modules);
        let module = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
        assert!(imports[&module(importer)].contains(&module(imported)), "{of}: imports are not found");
        for module in modules.keys() {
            let (mut reached, mut open) = (BTreeSet::new(), vec![module]);
            while let Some(next) = open.pop() {
                for target in imports.get(next).into_iter().flatten() {
                    assert_ne!(target, module, "{of}: {module:?} imports itself, by way of {next:?}");
                    if reached.insert(target) {
                        open.push(target);
                    }
                }
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_none_is_long() {
    for (of, ..) in CRATES {
        source_files(&root(of), &mut |path, source| {
            assert!(source.starts_with("//! "), "{} does not say what it is", path.display());
            let lines = source.lines().count();
            assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
        });
    }
}

/// The application that a reader sees first is the same everywhere. Where it is documentation, it is compiled, too.
#[test]
fn the_front_pages_have_the_same_application() {
    let text = |path: &str| {
        let text = fs::read_to_string(root(path)).expect("a front page");
        let lines = text.lines().map(|line| line.strip_prefix("//! ").or(line.strip_prefix("//!")).unwrap_or(line));
        lines.fold(String::new(), |all, line| all + line + "\n")
    };
    let readme = text("README.md");
    let begin = readme.find("use sanket::router::Router;").expect("an application");
    let end = begin + readme[begin..].find("\nfn main()").expect("a program");
    let (application, program) = readme[begin..].split_at(end - begin);
    let program = program.split("```").next().expect("the program");
    assert!(application.lines().count() > 15, "{application}");
    for page in ["core/src/lib.rs", "core/src/router/mod.rs", "server-async-std/src/lib.rs"] {
        assert!(text(page).contains(application), "{page} has another application than README.md");
    }
    assert!(text("server-async-std/src/lib.rs").contains(program), "another program than README.md");
}
