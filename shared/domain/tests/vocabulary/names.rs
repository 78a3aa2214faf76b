use holdfast_domain::{
    AccountId, BucketName, DbInstanceId, DbSnapshotId, EmailAddress, PlanSha, ResourceName, RunId, SecretName,
};

/// What is legal reads back as it was written; what is not is refused.
fn holds<T>(sort: &str, legal: &[&str], illegal: &[&str])
where
    T: std::str::FromStr + std::fmt::Display,
{
    for text in legal {
        let name = text.parse::<T>().unwrap_or_else(|_| panic!("{text} is a legal {sort}"));
        assert_eq!(name.to_string(), *text);
    }
    for text in illegal {
        assert!(text.parse::<T>().is_err(), "{text} is no legal {sort}");
    }
}

#[test]
fn a_name_is_as_long_as_it_may_be_and_no_longer() {
    let a = |count: usize| "a".repeat(count);
    holds::<ResourceName>("resource name", &["a", &a(40), "rta", "rt1-a"], &["", &a(41), "rt", "rt-a"]);
    holds::<DbInstanceId>("instance", &["a", &a(63), "a-1"], &["", &a(64), "a--1", "1a", "A", "a-"]);
    holds::<RunId>(
        "run",
        &["a", &a(140), "orders.daily.20261120t020000z", "A-1"],
        &["", &a(141), "1a", ".a", "a_b", "a b"],
    );
    holds::<SecretName>("secret", &["a", &a(512), "/a_b+c=d.e@f-1"], &["", &a(513), "a b", "a:b"]);
    holds::<DbSnapshotId>(
        "snapshot",
        &["a", &a(255), "rds:orders-2026-11-20-02-00", "A-b"],
        &["", &a(256), "1a", ":a", "a_b", "a.b"],
    );
}

#[test]
fn a_sha_is_64_small_hexadecimal_digits() {
    let of = |digit: &str, count: usize| digit.repeat(count);
    holds::<PlanSha>(
        "sha256",
        &[&of("0", 64), &of("9", 64), &of("a", 64), &of("f", 64)],
        &[&of("a", 63), &of("a", 65), &of("g", 64), &of("A", 64), &of("/", 64), &of("`", 64)],
    );
}

#[test]
fn an_account_is_twelve_digits() {
    holds::<AccountId>("account", &["210987654321"], &["", "21098765432", "2109876543210", "21098765432a"]);
}

/// S3 User Guide, "General purpose bucket naming rules".
#[test]
fn a_bucket_is_named_as_s3_wants_it() {
    let a = |count: usize| "a".repeat(count);
    holds::<BucketName>(
        "bucket",
        &["abc", &a(63), "1-a.b-2", "a.1", "192.168.0.a"],
        &["ab", &a(64), "-ab", "ab-", ".ab", "ab.", "a..b", "a_b", "aBc", "192.168.5.4"],
    );
}

#[test]
fn an_address_has_one_at_sign_and_a_domain_with_a_dot() {
    let long = |local: usize, domain: usize| format!("{}@{}.de", "a".repeat(local), "b".repeat(domain - 3));
    holds::<EmailAddress>(
        "address",
        &["dba@example.com", "a.b+c@e-x.example.com", &long(64, 100), &long(64, 189), "a@1.com"],
        &[
            "",
            "dba",
            "dba@",
            "@example.com",
            "dba@example",
            "a b@example.com",
            "a@b@example.com",
            "dba@.com",
            "dba@example.",
            "dba@-x.com",
            "dba@x-.com",
            "dba@x_y.com",
            "a,b@example.com",
            "ä@example.com",
            &long(65, 100),
            &long(64, 190),
        ],
    );
}
