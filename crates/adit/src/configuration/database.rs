//! `database`: the PostgreSQL that keeps the directory, where that is not a file in the data folder; and its password.
//!
//! A URL may hold a password. So it is never shown, and not parsed by parsers whose messages repeat what they were given.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use adit_control::DatabaseUrl;
use serde::Deserialize;

/// What such a URL begins with; anything else where one may stand is a folder.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// What is said where a password is on the command line.
pub(crate) const PASSWORD_IS_SHOWN: &str = "the database's password is on the command line, where every user of this \
                                            machine can read it; give it by --database-password-file or PGPASSWORD";

/// A URL as it was given.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct GivenUrl(String);

/// The database as flags and environment name it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct DatabaseFlags {
    /// PostgreSQL database that keeps the directory, as postgres://USER@HOST/DATABASE [default: a file in the data
    /// folder]
    #[arg(long = "database", value_name = "URL", env = "ADIT_DATABASE", hide_env_values = true)]
    pub(crate) url: Option<GivenUrl>,
    /// File with the database's password; without it PGPASSWORD and ~/.pgpass count
    #[arg(long = "database-password-file", value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Why no database can be meant by what was given. Nothing of a URL is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadDatabase {
    #[error("database: {0}")]
    Url(String),
    #[error("database: a password file was given, and no URL for it (--database URL)")]
    PasswordAlone,
    #[error("database: the URL has a password, and a password file was given as well")]
    TwoPasswords,
    #[error("database: the password file {} cannot be read: {source}", path.display())]
    PasswordFile { path: PathBuf, source: std::io::Error },
    #[error("database: the password file {} is empty", path.display())]
    NoPassword { path: PathBuf },
}

impl GivenUrl {
    /// Whether `text` is meant for a URL.
    pub(crate) fn is_one(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
    }

    /// The database that it names, by the password in `password_file` if there is one.
    ///
    /// # Errors
    /// [`BadDatabase`].
    pub(crate) fn resolve(&self, password_file: Option<&Path>) -> Result<DatabaseUrl, BadDatabase> {
        let url: DatabaseUrl = self.0.parse().map_err(|reason| BadDatabase::Url(format!("{reason}")))?;
        let Some(path) = password_file else { return Ok(url) };
        if self.has_password() {
            return Err(BadDatabase::TwoPasswords);
        }
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|source| BadDatabase::PasswordFile { path: path.to_owned(), source })?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(BadDatabase::NoPassword { path: path.to_owned() }),
            password => Ok(url.with_password(password)),
        }
    }

    /// Whether a password stands in `words`, the command line, for every user of the machine to see.
    pub(crate) fn shows_password(&self, mut words: impl Iterator<Item = String>) -> bool {
        self.has_password() && words.any(|word| word.contains(&self.0))
    }

    /// Whether there is a password in it.
    pub(crate) fn has_password(&self) -> bool {
        self.0.parse::<DatabaseUrl>().is_ok_and(|url| url.has_password())
    }
}

impl FromStr for GivenUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for GivenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<url>")
    }
}

impl DatabaseFlags {
    /// The database, if one was named: by these flags, else by the configuration file. The password file belongs to whatever
    /// URL counts.
    ///
    /// # Errors
    /// [`BadDatabase`].
    pub(crate) fn resolve(self, of_file: Self) -> Result<Option<DatabaseUrl>, BadDatabase> {
        // A variable that is set to nothing is not set.
        let said = |url: &GivenUrl| !url.0.is_empty();
        let url = self.url.filter(said).or(of_file.url);
        let password_file = self.password_file.or(of_file.password_file);
        match url {
            Some(url) => url.resolve(password_file.as_deref()).map(Some),
            None if password_file.is_some() => Err(BadDatabase::PasswordAlone),
            None => Ok(None),
        }
    }

    /// Whether the flag shows a password to every user of the machine.
    pub(crate) fn show_password(&self) -> bool {
        let words = || std::env::args_os().filter_map(|word| word.into_string().ok());
        self.url.as_ref().is_some_and(|url| url.shows_password(words()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://adit@localhost/adit";

    fn given(url: &str) -> DatabaseFlags {
        DatabaseFlags { url: Some(GivenUrl(url.to_owned())), password_file: None }
    }

    fn with_file(url: &str, file: &Path) -> DatabaseFlags {
        DatabaseFlags { password_file: Some(file.to_owned()), ..given(url) }
    }

    fn resolved(flags: DatabaseFlags) -> Result<Option<DatabaseUrl>, BadDatabase> {
        flags.resolve(DatabaseFlags::default())
    }

    #[test]
    fn without_a_word_the_directory_is_in_the_data_folder() {
        assert!(resolved(DatabaseFlags::default()).unwrap().is_none());
        assert!(resolved(given("")).unwrap().is_none(), "a variable that is set to nothing");
    }

    #[test]
    fn flags_win_over_the_file_and_what_is_shown_has_no_password() {
        let url = resolved(given("postgres://adit:canary@localhost/one")).unwrap().unwrap();
        assert!(!format!("{url} {url:?}").contains("canary"));
        let url = given("postgres://adit@localhost/one").resolve(given("postgres://adit@localhost/two")).unwrap();
        assert!(url.unwrap().to_string().ends_with("/one"));
        let url = DatabaseFlags::default().resolve(given("postgres://adit@localhost/two")).unwrap();
        assert!(url.unwrap().to_string().ends_with("/two"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for text in [
            "canary",
            "mysql://adit:canary@localhost/adit",
            "postgres://adit:canary@loc alhost/adit",
            "directory.sqlite",
        ] {
            let refused = resolved(given(text)).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("canary"), "{refused}");
        }
        assert!(!format!("{:?}", given("postgres://adit:canary@localhost/adit")).contains("canary"));
    }

    #[test]
    fn a_password_comes_from_a_file_without_the_end_of_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        for (text, password) in [("canary", "canary"), ("canary\n", "canary"), (" can ary \r\n", " can ary ")] {
            std::fs::write(&file, text).unwrap();
            let url = resolved(with_file(URL, &file)).unwrap().unwrap();
            assert!(!format!("{url} {url:?}").contains("canary"));
            assert_eq!(url, URL.parse::<DatabaseUrl>().unwrap().with_password(password));
        }
        let of_file = DatabaseFlags { url: None, password_file: Some(file.clone()) };
        assert!(given(URL).resolve(of_file).unwrap().is_some(), "URL by flag, password by the file");
    }

    #[test]
    fn a_password_that_is_not_there_or_there_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        assert!(matches!(resolved(with_file(URL, &file)), Err(BadDatabase::PasswordFile { .. })));
        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(resolved(with_file(URL, &file)), Err(BadDatabase::NoPassword { .. })));
        for twice in ["postgres://adit:canary@localhost/adit", "postgres://adit@localhost/adit?password=canary"] {
            assert!(matches!(resolved(with_file(twice, &file)), Err(BadDatabase::TwoPasswords)), "{twice}");
        }
        let alone = DatabaseFlags { url: None, password_file: Some(file) };
        assert!(matches!(resolved(alone), Err(BadDatabase::PasswordAlone)));
    }

    #[test]
    fn a_password_on_the_command_line_is_noticed() {
        let words = |word: &str| ["adit", "serve", word].map(ToOwned::to_owned).into_iter();
        let with = GivenUrl("postgres://adit:canary@localhost/adit".to_owned());
        assert!(with.shows_password(words("postgres://adit:canary@localhost/adit")));
        assert!(with.shows_password(words("--database=postgres://adit:canary@localhost/adit")));
        assert!(!with.shows_password(words("--config")), "by the environment");
        assert!(!GivenUrl(URL.to_owned()).shows_password(words(URL)), "there is none");
    }

    #[test]
    fn a_url_is_known_by_its_scheme() {
        assert!(GivenUrl::is_one("postgres://adit@db/adit") && GivenUrl::is_one("PostgreSQL://db"));
        assert!(!GivenUrl::is_one("data") && !GivenUrl::is_one("postgres") && !GivenUrl::is_one("dätä://"));
    }
}
