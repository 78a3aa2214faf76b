//! What must hold of the detection table.

use crate::detection::{Row, measure, rendered};

#[tokio::test]
async fn every_damage_is_found_with_checksums_on_and_off_all_visible_or_not() -> anyhow::Result<()> {
    let rows = measure().await?;
    let table = rendered(&rows);
    println!("{table}");
    for row in &rows {
        assert!(!row.integrity.is_empty() || row.immutable, "nobody found it:\n{}\n{table}", row.ours());
    }
    let only_by_immutable: Vec<String> = rows.iter().filter(|row| row.integrity.is_empty()).map(Row::ours).collect();
    assert_eq!(
        only_by_immutable.len(),
        4,
        "a bit within a value, checksums off, all-visible or not: {only_by_immutable:#?}"
    );
    let published = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/detection.md"))?;
    for row in &rows {
        let again = "make it again: cargo run -p verify --example detection > docs/detection.md";
        assert!(published.contains(&row.ours()), "docs/detection.md does not have {}; {again}", row.ours());
    }
    insta::assert_snapshot!(rows.iter().map(Row::ours).collect::<Vec<_>>().join("\n"));
    Ok(())
}
