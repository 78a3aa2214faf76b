//! Filters and pages of the Describe actions.

use super::errors::ApiError;
use super::query::Request;

/// "Default: 100. Constraints: Minimum 20, maximum 100" (`DescribeDBInstances`, Amazon RDS API Reference).
const RECORDS_MAX: usize = 100;
const RECORDS_MIN: usize = 20;

/// The parameters every paged action takes.
pub(crate) const PARAMETERS: [&str; 3] = ["Filters", "MaxRecords", "Marker"];

/// One page and, if there is more, the marker of the next.
pub(crate) struct Page<T> {
    pub(crate) records: Vec<T>,
    pub(crate) marker: Option<String>,
}

/// Cuts a page out of `records`, which are in the order of their keys. The marker is the last key shown, so that records which
/// come or go between two calls neither repeat nor hide the others.
pub(crate) fn page<T>(
    request: &Request,
    records: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
) -> Result<Page<T>, ApiError> {
    let size = request.parsed::<usize>("MaxRecords", "an integer")?.unwrap_or(RECORDS_MAX);
    if !(RECORDS_MIN..=RECORDS_MAX).contains(&size) {
        return Err(ApiError::invalid_value(format!(
            "Invalid value {size} for MaxRecords. Must be between {RECORDS_MIN} and {RECORDS_MAX}"
        )));
    }
    let after = request.text("Marker").filter(|marker| !marker.is_empty());
    let mut rest = records.skip_while(|record| after.is_some_and(|after| key(record).as_str() <= after)).peekable();
    let records: Vec<T> = rest.by_ref().take(size).collect();
    let marker = if rest.peek().is_some() { records.last().map(key) } else { None };
    Ok(Page { records, marker })
}

/// One condition: the record's value must be among these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

impl Filter {
    /// All filters of a request; only `known` names are allowed, and the values of one are alternatives.
    pub(crate) fn parse_all(request: &Request, known: &[&str]) -> Result<Vec<Self>, ApiError> {
        request.structures("Filters").into_iter().map(|fields| Self::parse(&fields, known)).collect()
    }

    fn parse(fields: &std::collections::BTreeMap<&str, &str>, known: &[&str]) -> Result<Self, ApiError> {
        let name = *fields.get("Name").ok_or_else(|| ApiError::missing_parameter("Filters.Filter.Name"))?;
        if !known.contains(&name) {
            return Err(ApiError::invalid_value(format!("Unrecognized filter name: {name}")));
        }
        let values: Vec<String> = fields
            .iter()
            .filter(|(field, _)| field.starts_with("Values."))
            .map(|(_, value)| (*value).to_owned())
            .collect();
        if values.is_empty() {
            return Err(ApiError::invalid_value(format!("The filter {name} has no values.")));
        }
        Ok(Self { name: name.to_owned(), values })
    }

    /// Whether any of the values equals any of the record's names, the case set aside.
    pub(crate) fn accepts(&self, names: &[&str]) -> bool {
        self.values.iter().any(|value| names.iter().any(|name| name.eq_ignore_ascii_case(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::Request;
    use super::page;

    fn request(pairs: &[(&str, &str)]) -> Request {
        let form = pairs.iter().chain(&[("Action", "A")]).map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Request::parse(form).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn pages_join_to_the_whole_and_the_last_has_no_marker() -> Result<(), super::ApiError> {
        let all: Vec<String> = (0..45).map(|number| format!("r{number:02}")).collect();
        let first = page(&request(&[("MaxRecords", "20")]), all.iter(), |key| (*key).clone())?;
        assert_eq!((first.records.len(), first.marker.as_deref()), (20, Some("r19")));
        let last = page(&request(&[("MaxRecords", "25"), ("Marker", "r19")]), all.iter(), |key| (*key).clone())?;
        assert_eq!((last.records.len(), last.marker), (25, None));
        Ok(())
    }

    #[test]
    fn page_sizes_outside_of_the_documented_range_are_refused() {
        for size in ["19", "101", "x"] {
            assert!(page(&request(&[("MaxRecords", size)]), [1].iter(), ToString::to_string).is_err(), "{size}");
        }
    }
}
