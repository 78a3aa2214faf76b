//! The address of the user's own database, and what may be shown of it.
//!
//! What the user typed must not be printed anywhere before it was read: it carries a password, and an error about it would too.

use std::fmt;

/// What an address begins with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// Options that may follow the address. Others are refused rather than dropped: `sslmode` misspelt would mean no protection.
const OPTIONS: [&str; 3] = ["host", "sslmode", "sslrootcert"];
/// Libpq's values of `sslmode`.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// What stood behind `--from`, not read yet. It has no `Display`, and its `Debug` shows nothing: clap prints values that it refuses,
/// so this one is never refused by clap.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed(String);

impl From<String> for Typed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(…)")
    }
}

/// Whether an address stands on a command line where none belongs, as after a forgotten `--from`.
#[must_use]
pub fn has_misplaced_address(arguments: impl Iterator<Item = String>) -> bool {
    let mut before = String::new();
    for argument in arguments {
        if before != "--from" && SCHEMES.iter().any(|scheme| argument.starts_with(scheme)) {
            return true;
        }
        before = argument;
    }
    false
}

/// Why an address is none. Never quotes the password's part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--from: {0}; write postgres://user@host:port/database, with the password in PGPASSWORD or as user:password")]
pub(super) struct NotAnAddress(String);

/// Where the user's database is, and who asks. `Display` and `Debug` leave the password out.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SourceUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) ssl_mode: Option<String>,
    pub(super) ssl_root_cert: Option<String>,
    pub(super) password: Option<String>,
}

impl SourceUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is no address of one PostgreSQL database.
    pub(super) fn read(typed: &Typed) -> Result<Self, NotAnAddress> {
        let text = typed.0.trim();
        let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| NotAnAddress("it does not begin with postgres://".into()))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // The last `@`: an unescaped one in a password is the commonest mistake, and its meaning is clear.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (login, place),
            None => ("", rest),
        };
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = host_and_port(authority)?;
        let user = decoded(user, "the user")?;
        if user.is_empty() {
            return Err(NotAnAddress("it names no user".into()));
        }
        let database = decoded(database, "the database")?;
        let mut url = Self {
            host,
            port,
            // As libpq does it.
            database: if database.is_empty() { user.clone() } else { database },
            user,
            ssl_mode: None,
            ssl_root_cert: None,
            password: password.map(|password| decoded(password, "the password")).transpose()?.filter(|p| !p.is_empty()),
        };
        url.read_options(query)?;
        if url.host.is_empty() {
            url.host = "localhost".into();
        }
        url.check()
    }

    fn read_options(&mut self, query: &str) -> Result<(), NotAnAddress> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value, "an option")?;
            match name {
                "host" => self.host = value,
                "sslmode" if SSL_MODES.contains(&value.as_str()) => self.ssl_mode = Some(value),
                "sslmode" => return Err(NotAnAddress(format!("sslmode is one of {}", SSL_MODES.join(", ")))),
                "sslrootcert" => self.ssl_root_cert = Some(value),
                // Its value may be a password.
                _ => {
                    let known = OPTIONS.join(", ");
                    return Err(NotAnAddress(format!(
                        "it has an option other than {known}; a password stands before the @"
                    )));
                }
            }
        }
        Ok(())
    }

    fn check(self) -> Result<Self, NotAnAddress> {
        if self.host.contains(',') {
            return Err(NotAnAddress("it names several hosts, and one can be copied".into()));
        }
        let texts = [&self.host, &self.user, &self.database].into_iter().chain(self.password.as_ref());
        if texts.into_iter().any(|text| text.contains(['\0', '\n', '\r'])) {
            return Err(NotAnAddress("it has a line break in it".into()));
        }
        Ok(self)
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user, database, .. } = self;
        if host.starts_with('/') {
            return write!(f, "postgres://{user}@/{database}?host={host}");
        }
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "postgres://{user}@{open}{host}{close}:{port}/{database}")
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceUrl({self})")
    }
}

fn host_and_port(authority: &str) -> Result<(String, u16), NotAnAddress> {
    let no_port = || NotAnAddress("its port is no number from 1 to 65535".into());
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) =
                rest.split_once(']').ok_or_else(|| NotAnAddress("its [address] is not closed".into()))?;
            (host.to_owned(), after.strip_prefix(':').unwrap_or(""))
        }
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            (decoded(host, "the host")?, port)
        }
    };
    let port = if port.is_empty() { 5432 } else { port.parse().map_err(|_| no_port())? };
    if port == 0 { Err(no_port()) } else { Ok((host, port)) }
}

/// Undoes percent-encoding.
fn decoded(text: &str, what: &str) -> Result<String, NotAnAddress> {
    let wrong = || NotAnAddress(format!("{what} has a % that begins no escape; a % itself is written %25"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| NotAnAddress(format!("{what} is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SourceUrl, NotAnAddress> {
        SourceUrl::read(&Typed::from(text.to_owned()))
    }

    #[test]
    fn an_address_is_read_and_shown_without_its_password() {
        for (typed, shown, password) in [
            ("postgres://app:s3cret@db.example:6432/shop", "postgres://app@db.example:6432/shop", Some("s3cret")),
            ("postgresql://app@db/shop", "postgres://app@db:5432/shop", None),
            ("postgres://app:@db", "postgres://app@db:5432/app", None),
            ("postgres://app:s3@cret@db/shop?sslmode=require", "postgres://app@db:5432/shop", Some("s3@cret")),
            ("postgres://a%40b:s3%2Fcret%3A@db/my%20shop", "postgres://a@b@db:5432/my shop", Some("s3/cret:")),
            ("postgres://app:s3cret@[::1]:5433/shop", "postgres://app@[::1]:5433/shop", Some("s3cret")),
            ("postgres://app@/shop?host=/var/run/postgresql", "postgres://app@/shop?host=/var/run/postgresql", None),
        ] {
            let url = read(typed).expect(typed);
            assert_eq!((url.to_string().as_str(), url.password.as_deref()), (shown, password), "{typed}");
            assert!(!format!("{url:?}").contains("cret"), "{url:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_a_word_of_its_password() {
        for typed in [
            "app:s3cret@db/shop",
            "mysql://app:s3cret@db/shop",
            "postgres://:s3cret@db/shop",
            "postgres://app:s3cret%@db/shop",
            "postgres://app:s3cret%zz@db/shop",
            "postgres://app:s3cret@db:port/shop",
            "postgres://app:s3cret@db:0/shop",
            "postgres://app:s3cret@one,two/shop",
            "postgres://app:s3cret%0a@db/shop",
            "postgres://app@db/shop?password=s3cret",
            "postgres://app:s3cret@db/shop?sslmode=please",
            "postgres://app:s3cret@[::1/shop",
        ] {
            let message = read(typed).expect_err(typed).to_string();
            assert!(!message.contains("s3cret"), "{message}");
            assert!(message.contains("postgres://user@host:port/database"), "{message}");
        }
        let line = |words: &[&str]| has_misplaced_address(words.iter().map(|word| (*word).to_owned()));
        assert!(line(&["drill", "postgres://app:s3cret@db"]) && line(&["drill", "--json", "postgresql://app@db"]));
        assert!(
            !line(&["drill", "--from", "postgres://app@db"]) && !line(&["drill", "--from=postgres://app@db", "--json"])
        );
        assert!(!format!("{:?}", Typed::from("postgres://app:s3cret@db/shop".to_owned())).contains("s3cret"));
    }
}
