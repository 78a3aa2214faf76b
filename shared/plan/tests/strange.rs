//! Files that no person would write: each is read or refused with a place, never with a panic, and never without bounds.

#![cfg(feature = "yaml")]

use holdfast_plan::{Compiled, Problems, read_yaml, read_yaml_bytes};
use proptest::prelude::*;

const ORDERS: &str = include_str!("plans/orders.yaml");

fn bad(text: &str) -> Problems {
    read_yaml("plan.yaml", text).expect_err("this plan has mistakes")
}

#[test]
fn hostile_yaml_is_refused_with_a_place() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    let deep_flow = format!("a: {}", "[".repeat(100_000));
    let deep_block: String = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 200))).collect();
    let deep_list = "- ".repeat(50_000);
    for (text, wanted) in [
        (bomb, "plan.yaml:1:7: HF001 anchors and aliases are not read"),
        ("a: *nowhere", "HF001"),
        ("a: !!str 7", "tags are not read"),
        ("%YAML 1.1\n---\na: 1", "HF001"),
        ("version: 1\n---\nversion: 1", "a second document begins"),
        ("version:\n\t- 1", "plan.yaml:2:"),
        ("? [a, b]\n: 7", "a key must be text"),
        ("a: 1\n b: 2", "plan.yaml:2:"),
        ("a: [1, 2", "HF001"),
        ("a: \"x", "HF001"),
        ("version: 1\nversion: 1", "HF005 version: the key version stands twice here, first in line 1"),
        ("<<: { version: 1 }", "there is no field << here"),
        ("- version: 1", "a map with version"),
        ("", "name is missing"),
        ("\0", "HF001"),
        ("version: 1\nname: a\0b", "plan.yaml:2:"),
        ("version: 1\nname: \"a\\0b\"", "plan.yaml:2:7: HF006 name: a b is not a legal plan name"),
        ("version: 1\n\tname: a", "HF001"),
        ("version: 1\nname:\ta\n", "environment is missing"),
        ("version: 0x1", "HF025"),
        ("version: 1_0", "HF025"),
        ("version: 1.0", "HF025"),
        ("&root\nversion: 1", "anchors and aliases are not read"),
        ("version: &v 1\nname: *v", "plan.yaml:1:"),
        ("version: 1\n...\ngarbage", "HF0"),
        ("version: 1\nname: @a", "plan.yaml:2:"),
        ("version: 1\nname: `a", "plan.yaml:2:"),
        ("\u{202e}version: 1", "there is no field"),
        (deep_flow.as_str(), "HF001"),
        (deep_block.as_str(), "HF0"),
        (deep_list.as_str(), "HF001"),
    ] {
        let problems = bad(text).to_string();
        let shown: String = text.chars().take(40).collect();
        assert!(problems.contains(wanted), "{shown}: {problems}");
        assert!(problems.starts_with("plan.yaml:"), "{shown}: {problems}");
    }
    let problems = read_yaml_bytes("plan.yaml", b"version: 1\nname: \xc3\xa4\xff\n").expect_err("not UTF-8");
    assert_eq!(problems.to_string(), "plan.yaml:2:8: HF001 the byte 0xff is not UTF-8: save the file as UTF-8");
}

#[test]
fn what_editors_on_other_systems_write_is_read_as_it_is_meant() {
    let plain = read_yaml("plan.yaml", ORDERS).unwrap_or_else(|problems| panic!("{problems}"));
    let (mark, lines) = (format!("\u{feff}{ORDERS}"), ORDERS.replace('\n', "\r\n"));
    for text in [mark.clone(), lines.clone(), mark.replace('\n', "\r\n"), ORDERS.trim_end().to_owned()] {
        let read = read_yaml("plan.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(read.sha(), plain.sha());
    }
    // Places are those that the editor shows.
    let slip = lines.replacen("keep: 7d", "keep: 7", 1);
    assert!(bad(&slip).to_string().starts_with("plan.yaml:16:48: HF007 "), "{}", bad(&slip));
}

#[test]
fn large_files_are_refused_with_a_place_and_without_their_size_in_messages() {
    const MIB: usize = 1024 * 1024;
    let cases = [
        (format!("version: 1\nname: {}", "x".repeat(10 * MIB)), "plan.yaml:2:7: HF006"),
        (format!("{ORDERS}{}", "# nothing but a comment that is longer than any value\n".repeat(200_000)), ""),
        (format!("a: [{}", "x, ".repeat(MIB)), "more than the 1000000 values that are read"),
        ("a: 1\n".repeat(50_000), "HF070"),
        (format!("a: \"{}", "x".repeat(10 * MIB)), "HF001"),
        (format!("{}a: 1", " ".repeat(10 * MIB)), "HF003"),
        ("x".repeat(17 * MIB), "plan.yaml:1:1: HF001 the file is larger than the 16777216 bytes that are read"),
    ];
    for (text, wanted) in cases {
        let said = match read_yaml("plan.yaml", &text) {
            Ok(_) => String::new(),
            Err(problems) => {
                assert!(problems.as_slice().iter().all(|problem| problem.line.is_some()), "{wanted}");
                problems.to_string()
            }
        };
        assert!(
            said.contains(wanted) && wanted.is_empty() == said.is_empty(),
            "{wanted}: {}",
            said.chars().take(300).collect::<String>()
        );
        assert!(said.len() < MIB, "{wanted}: {} bytes are said", said.len());
    }
}

#[test]
fn a_value_that_is_no_duration_is_refused_where_it_stands() {
    for (value, code) in [
        ("7", "HF007"),
        ("-7d", "HF007"),
        ("+7d", "HF007"),
        ("- 7d", "HF0"),
        ("7.5d", "HF007"),
        ("7 d", "HF007"),
        ("0d", "HF007"),
        ("1e3d", "HF007"),
        ("36501d", "HF007"),
        ("99999999999999999999999999d", "HF007"),
        ("18446744073709551616ms", "HF007"),
        ("9223372036854775808s", "HF007"),
        ("٧d", "HF007"),
        ("7d\u{301}", "HF007"),
        ("\"7d\\0\"", "HF007"),
        ("\"\"", "HF007"),
        ("~", "HF007"),
        ("true", "HF007"),
        ("[7d]", "HF007"),
        ("{ days: 7 }", "HF002"),
        ("{ daily: -1 }", "HF009"),
        ("{ daily: 1.5 }", "HF009"),
        ("{ daily: 7d }", "HF009"),
        ("{ daily: 99999999999999999999 }", "HF009"),
        ("{ daily: 4294967296 }", "HF009"),
        ("{ daily: 0 }", "HF013"),
        ("{}", "HF013"),
        ("2001-01-01", "HF007"),
        ("7d7d", "HF007"),
        ("23h", "HF022"),
    ] {
        assert!(ORDERS.contains("keep: 7d"));
        let problems = bad(&ORDERS.replacen("keep: 7d", &format!("keep: {value}"), 1));
        let [first, ..] = problems.as_slice() else { panic!("{value}") };
        assert_eq!(first.line, Some(16), "{value}: {problems}");
        assert!(first.code.starts_with(code), "{value}: {problems}");
        assert!(first.column.is_some_and(|column| (42..=60).contains(&column)), "{value}: {problems}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        drop(read_yaml("plan.yaml", &text));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(read_yaml_bytes("plan.yaml", &bytes));
        drop(Compiled::from_json(&bytes));
    }

    /// Damage to a good plan finds more of the decoder than noise does.
    #[test]
    fn a_damaged_plan_is_read_or_refused(at in 0..ORDERS.len(), length in 0_usize..40, text in "[-a-z0-9:{}\\[\\]\"' \n#]{0,12}") {
        let end = (at + length).min(ORDERS.len());
        if let (Some(before), Some(after)) = (ORDERS.get(..at), ORDERS.get(end..))
            && let Ok(compiled) = read_yaml("plan.yaml", &format!("{before}{text}{after}"))
        {
            let read = Compiled::from_json(&compiled.to_json());
            prop_assert_eq!(read.as_ref().map(Compiled::plan), Ok(compiled.plan()));
        }
    }
}
