use holdfast_domain::plan::Retention;
use holdfast_domain::{Cause, Severity, Verdict};
use jiff::SignedDuration;

#[test]
fn every_severity_has_its_word_and_no_other_word_is_one() {
    let words: Vec<String> = Severity::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["info", "low", "high", "critical"]);
    for severity in Severity::ALL {
        assert_eq!(severity.as_str().parse(), Ok(severity));
    }
    assert!("HIGH".parse::<Severity>().is_err() && "".parse::<Severity>().is_err());
    assert!(Severity::ALL.is_sorted(), "mildest first");
}

#[test]
fn every_verdict_has_its_word() {
    let words = [Verdict::Passed, Verdict::Failed, Verdict::Inconclusive].map(|verdict| verdict.to_string());
    assert_eq!(words, ["passed", "failed", "inconclusive"]);
}

#[test]
fn a_cause_says_what_it_is_about_and_reads_back() {
    let (plan, environment) = ("shop".parse().expect("a plan"), "prod".parse().expect("an environment"));
    let resource = "orders-db".parse().expect("a resource");
    let cause = Cause::of_resource(&plan, &environment, &resource, "snapshot");
    assert_eq!((cause.as_str(), cause.to_string().as_str()), ("shop/prod/orders-db/snapshot", cause.as_str()));
    assert_eq!(Cause::of_function("verify", "failure").as_str(), "holdfast/verify/failure");
    assert_eq!(cause.as_str().parse(), Ok(cause));
    let longest = "a".repeat(Cause::LENGTH_MAX);
    assert!(longest.parse::<Cause>().is_ok());
    assert_eq!(Cause::of_function(&longest, "failure").as_str().len(), Cause::LENGTH_MAX);
    for bad in ["", "a b", "ä", &format!("{longest}a")] {
        assert!(bad.parse::<Cause>().is_err(), "{bad}");
    }
}

#[test]
fn a_retention_of_slots_keeps_as_long_as_the_longest_of_them() {
    let days = |days: i64| SignedDuration::from_hours(days * 24);
    let slots = |daily, weekly, monthly, yearly| Retention::Slots { daily, weekly, monthly, yearly }.longest();
    assert_eq!(Retention::Age(days(7)).longest(), days(7));
    assert_eq!(slots(30, 4, 0, 0), days(30));
    assert_eq!(slots(27, 4, 0, 0), days(28));
    assert_eq!(slots(30, 4, 12, 0), days(372));
    assert_eq!(slots(0, 0, 11, 1), days(366));
}
