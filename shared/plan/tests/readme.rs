//! The plan in the README is one that the checker accepts.

const README: &str = include_str!("../../../README.md");

#[test]
fn the_readmes_plan_is_legal() {
    let after = README.split("```yaml\n").nth(1).expect("a plan in the README");
    let plan = after.split("```").next().expect("its end");
    let compiled = holdfast_plan::read_yaml("README.md", plan).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(compiled.plan().resources.len(), 1);
}
