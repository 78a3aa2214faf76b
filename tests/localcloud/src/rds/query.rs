//! Requests of the AWS Query protocol: one flat list of names and values in a form.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::errors::ApiError;

/// A request: its action and its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    action: String,
    parameters: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn parse(form: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut parameters: BTreeMap<String, String> = form.into_iter().collect();
        let action = parameters.remove("Action").ok_or_else(|| ApiError::missing_parameter("Action"))?;
        parameters.remove("Version");
        Ok(Self { action, parameters })
    }

    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    /// Refuses parameters that the action does not have, or that this service does not understand: RDS would act on them,
    /// and a mistyped name must not pass in silence.
    pub(crate) fn check_known(&self, known: &[&str]) -> Result<(), ApiError> {
        let unknown =
            self.parameters.keys().map(|key| key.split('.').next().unwrap_or(key)).find(|root| !known.contains(root));
        match unknown {
            None => Ok(()),
            Some(name) => Err(ApiError::invalid_value(format!(
                "The parameter {name} is unknown to {}, or not supported by this local RDS.",
                self.action
            ))),
        }
    }

    /// A scalar. The SDKs send an absent string as nothing at all, never as an empty one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing_parameter(name))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.parsed(name, "a boolean")
    }

    pub(crate) fn parsed<T: FromStr>(&self, name: &str, kind: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let value = text
            .parse()
            .map_err(|_| ApiError::invalid_value(format!("Invalid value {text} for {name}: must be {kind}.")))?;
        Ok(Some(value))
    }

    /// Members of a list of scalars, in order. The second part of a name is the member's type name (`Values.Value.1`) or `member`.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.members(name).into_values().filter_map(|fields| fields.get("").copied()).collect()
    }

    /// Members of a list of structures, in order; each field by the rest of its name (`Key`, `Values.Value.1`).
    pub(crate) fn structures(&self, name: &str) -> Vec<BTreeMap<&str, &str>> {
        self.members(name).into_values().collect()
    }

    fn members(&self, name: &str) -> BTreeMap<u32, BTreeMap<&str, &str>> {
        let mut members: BTreeMap<u32, BTreeMap<&str, &str>> = BTreeMap::new();
        for (key, value) in &self.parameters {
            let Some(rest) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            let mut parts = rest.splitn(3, '.');
            let number = parts.nth(1).and_then(|number| number.parse().ok());
            if let Some(number) = number {
                members.entry(number).or_default().insert(parts.next().unwrap_or_default(), value);
            }
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    fn request(form: &str) -> Request {
        let pairs = form.split('&').filter_map(|pair| pair.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned()));
        Request::parse(pairs.collect()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn lists_come_in_the_order_of_their_numbers() {
        let request = request("Action=A&Ids.Id.10=z&Ids.Id.2=b&Ids.member.1=a&Idsx.Id.1=no");
        assert_eq!(request.list("Ids"), ["a", "b", "z"]);
    }

    #[test]
    fn structures_keep_their_fields_together() {
        let request = request("Action=A&Tags.Tag.1.Key=k&Tags.Tag.1.Value=v&Tags.Tag.2.Key=only");
        let tags = request.structures("Tags");
        assert_eq!(tags.len(), 2);
        assert_eq!((tags[0].get("Key"), tags[0].get("Value"), tags[1].get("Value")), (Some(&"k"), Some(&"v"), None));
    }

    #[test]
    fn an_unknown_parameter_is_named() {
        let error = request("Action=A&Known=1&Tags.Tag.1.Key=k&Typo=1").check_known(&["Known", "Tags"]);
        assert!(error.is_err_and(|error| error.message.contains("Typo")));
    }
}
