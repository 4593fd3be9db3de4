//! What the macros accept and refuse, message by message. The rules are in `ui/README.md`.

use std::fs;
use std::path::Path;

const LOCK: &str = "stripeflare.schema.json";

#[test]
fn macros() {
    // All cases are compiled in one folder: first those that want a lock file there, then those that want none.
    let manifest = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests/trybuild/tests");
    fs::create_dir_all(&manifest).expect("a folder for the cases");
    fs::copy(Path::new("ui/lock").join(LOCK), manifest.join(LOCK)).expect("the lock beside the cases");
    compile(&["lock"]);
    fs::remove_file(manifest.join(LOCK)).expect("the lock can be removed");
    let folders = fs::read_dir("ui").expect("the folders of cases").flatten();
    let folders: Vec<String> = folders
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "lock")
        .collect();
    compile(&folders);
}

/// The cases of these folders; they run when `cases` is dropped.
fn compile(folders: &[impl AsRef<str>]) {
    let cases = trybuild::TestCases::new();
    for folder in folders {
        for (kind, add) in [
            ("pass", trybuild::TestCases::pass as fn(&trybuild::TestCases, String)),
            ("fail", trybuild::TestCases::compile_fail),
        ] {
            let dir = format!("ui/{}/{kind}", folder.as_ref());
            if Path::new(&dir).is_dir() {
                add(&cases, format!("{dir}/*.rs"));
            }
        }
    }
}
