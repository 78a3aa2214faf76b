//! B34: a compliance stream keeps its own key, and its own account if it names one. That no two streams share a key the language says.

use super::{Remark, Subject};
use crate::problem::code;

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    let (plan, resource) = (subject.plan, subject.resource);
    let stream = resource.stream.as_ref().and_then(|name| Some((name, plan.streams.get(name)?)));
    for (at, copy) in resource.copies.iter().enumerate() {
        let key_path = || subject.path(&format!("copies[{at}].kms_key"));
        match (stream, copy.kms_key.as_deref()) {
            (Some((name, stream)), key) if key != Some(stream.kms_key.as_str()) => {
                let key = key.unwrap_or("the default key");
                let message = format!(
                    "a copy of stream {name} is encrypted with {key}, not with the stream's own {} (B34)",
                    stream.kms_key
                );
                remarks.push(Remark::error(code::STREAM, key_path(), message, format!("kms_key: {}", stream.kms_key)));
            }
            (None, Some(key)) => {
                if let Some((name, _)) = plan.streams.iter().find(|(_, stream)| stream.kms_key == key) {
                    let message = format!("{key} is the key of stream {name}, and {} is not in it (B34)", subject.name);
                    let allowed = format!("stream: {name} on {}, or another key", subject.name);
                    remarks.push(Remark::error(code::STREAM, key_path(), message, allowed));
                }
            }
            (Some(_), _) | (None, None) => {}
        }
        if let Some((name, account)) = stream.and_then(|(name, stream)| Some((name, stream.account.as_ref()?)))
            && copy.account.as_ref() != Some(account)
        {
            let message = format!("a copy of stream {name} does not go to the stream's account {account} (B34)");
            let path = subject.path(&format!("copies[{at}].account"));
            remarks.push(Remark::error(code::STREAM, path, message, format!("account: {account}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, assert_said, said_of};

    #[test]
    fn a_stream_keeps_its_key_and_its_account() {
        let top = "accounts: { dr: { id: \"210987654321\", role: \"arn:aws:iam::210987654321:role/holdfast\" } }\n\
            streams: { pci: { kms_key: alias/pci, account: dr }, hr: { kms_key: alias/hr } }";
        let copy = |stream: &str, key: &str, account: &str| {
            format!(
                "{DATABASE}{stream}copies: [{{ region: eu-west-1, kms_key: {key}, keep: 7d, within: 1h{account} }}]\n"
            )
        };
        let said = |resource: &str| said_of("HF059", top, &[("orders", resource)]);
        let key = "error resources.orders.copies[0].kms_key: ";
        assert_said(&said(&copy("stream: pci\n", "alias/pci", ", account: dr")), &[], "its own");
        assert_said(
            &said(&copy("stream: pci\n", "alias/hr", ", account: dr")),
            &[(key, &["not with the stream's own alias/pci (B34): kms_key: alias/pci"])],
            "another's",
        );
        assert_said(
            &said(&copy("stream: pci\n", "alias/pci", "")),
            &[("error resources.orders.copies[0].account: ", &["account: dr"])],
            "at home",
        );
        assert_said(
            &said(&copy("", "alias/hr", "")),
            &[(key, &["alias/hr is the key of stream hr, and orders is not in it"])],
            "a stranger",
        );
        assert_said(&said(&copy("", "alias/own", "")), &[], "no stream");
    }
}
