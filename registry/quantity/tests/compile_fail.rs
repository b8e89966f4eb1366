//! Mistakes that do not compile. What the compiler says of each stands beside it; `TRYBUILD=overwrite` writes it anew
//! after a change of the toolchain.

#[test]
fn mistakes_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile-fail/*.rs");
}
