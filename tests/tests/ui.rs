//! What the macros accept and refuse, message by message. The rules are in `ui/README.md`.

#[test]
fn macros() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/*/pass/*.rs");
    cases.compile_fail("ui/*/fail/*.rs");
}
