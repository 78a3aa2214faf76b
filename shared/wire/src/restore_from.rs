//! Which recovery point a restore test restores, as JSON: the plan's own words. `#[serde(with = "holdfast_wire::restore_from")]`.
//!
//! `"latest"`, `"random"`, `"oldest"`, `"pitr"`, `{"time": "2026-11-20T02:00:00Z"}`, `{"recovery_point": "rds:orders-2026-11-20-02-00"}`.

use holdfast_domain::plan::RestoreFrom;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

const ALLOWED: &str =
    "latest, random, oldest, pitr, {\"time\": \"2026-11-20T02:00:00Z\"} or {\"recovery_point\": \"…\"} is wanted";

/// Writes the plan's words.
///
/// # Errors
/// Only the serializer's own.
pub fn serialize<S: Serializer>(from: &RestoreFrom, serializer: S) -> Result<S::Ok, S::Error> {
    let object =
        |key: &str, value: String| Value::Object([(key.to_owned(), Value::String(value))].into_iter().collect());
    match from {
        RestoreFrom::Latest => serializer.serialize_str("latest"),
        RestoreFrom::Random => serializer.serialize_str("random"),
        RestoreFrom::Oldest => serializer.serialize_str("oldest"),
        RestoreFrom::Pitr => serializer.serialize_str("pitr"),
        RestoreFrom::Time(at) => object("time", at.to_string()).serialize(serializer),
        RestoreFrom::Chosen(id) => object("recovery_point", id.to_string()).serialize(serializer),
    }
}

/// Reads the plan's words.
///
/// # Errors
/// When they are none of them; the message says what is wanted.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RestoreFrom, D::Error> {
    read(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn read(value: &Value) -> Result<RestoreFrom, String> {
    match value.as_str() {
        Some("latest") => return Ok(RestoreFrom::Latest),
        Some("random") => return Ok(RestoreFrom::Random),
        Some("oldest") => return Ok(RestoreFrom::Oldest),
        Some("pitr") => return Ok(RestoreFrom::Pitr),
        Some(_) | None => {}
    }
    let only = value.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.iter().next());
    match only.map(|(key, value)| (key.as_str(), value.as_str())) {
        Some(("time", Some(text))) => match text.parse() {
            Ok(at) => Ok(RestoreFrom::Time(at)),
            Err(_) => Err(format!("from.time: {text:?} is no instant; one in UTC as 2026-11-20T02:00:00Z is wanted")),
        },
        Some(("recovery_point", Some(text))) => match text.parse() {
            Ok(id) => Ok(RestoreFrom::Chosen(id)),
            Err(error) => Err(format!("from.recovery_point: {error}")),
        },
        Some(_) | None => Err(format!("from: {value} says nothing of where from; {ALLOWED}")),
    }
}

/// The same where it may be left out, which means the newest: `#[serde(with = "…", default = "…")]` for a request by hand.
#[must_use]
pub fn latest() -> RestoreFrom {
    RestoreFrom::Latest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wish {
        #[serde(with = "super", default = "super::latest")]
        from: RestoreFrom,
    }

    #[test]
    fn what_is_written_is_read_and_nothing_said_is_the_newest() {
        for (words, from) in [
            (json!("latest"), RestoreFrom::Latest),
            (json!("random"), RestoreFrom::Random),
            (json!("oldest"), RestoreFrom::Oldest),
            (json!("pitr"), RestoreFrom::Pitr),
            (
                json!({ "time": "2026-11-20T02:00:00Z" }),
                RestoreFrom::Time("2026-11-20T02:00:00Z".parse().expect("a time")),
            ),
            (json!({ "recovery_point": "rds:orders-1" }), RestoreFrom::Chosen("rds:orders-1".parse().expect("legal"))),
        ] {
            let wish = Wish { from };
            assert_eq!(serde_json::to_value(&wish).expect("JSON"), json!({ "from": words }));
            assert_eq!(serde_json::from_value::<Wish>(json!({ "from": words })).expect("legal"), wish);
        }
        assert_eq!(serde_json::from_value::<Wish>(json!({})).expect("legal").from, RestoreFrom::Latest);
    }

    #[test]
    fn what_says_nothing_is_refused_with_what_is_wanted() {
        for (words, said) in [
            (json!("yesterday"), "from: \"yesterday\" says nothing of where from"),
            (json!(null), "from: null says nothing of where from"),
            (
                json!({ "time": "yesterday" }),
                "from.time: \"yesterday\" is no instant; one in UTC as 2026-11-20T02:00:00Z is wanted",
            ),
            (json!({ "time": "2026-11-20T02:00:00Z", "recovery_point": "a" }), "says nothing of where from"),
            (json!({ "recovery_point": "1st" }), "from.recovery_point: \"1st\" is not a legal DB snapshot identifier"),
        ] {
            let error = serde_json::from_value::<Wish>(json!({ "from": words })).expect_err("refused");
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
