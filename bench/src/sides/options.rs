//! What was asked for on the command line.

use super::row::{self, Row};
use super::series::Pace;

/// What shall be measured, and what becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Names of rows; all of them if there are none.
    only: Vec<String>,
    pub(super) pace: Pace,
    /// Whether the page is written.
    pub(super) write: bool,
}

impl Options {
    /// Reads `--only ROW,ROW`, `--quick` and `--write`, or says what is wrong.
    pub(super) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self { only: Vec::new(), pace: Pace::Full, write: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => options.pace = Pace::Quick,
                "--write" => options.write = true,
                "--only" => {
                    let names = words.next().ok_or("--only needs names of rows, with commas between them")?;
                    options.only = names.split(',').map(known).collect::<Result<_, _>>()?;
                }
                other => return Err(format!("'{other}' is none of --only ROW,ROW, --quick and --write")),
            }
        }
        if options.write && (options.pace == Pace::Quick || !options.only.is_empty()) {
            return Err("--write is for a whole run: not with --only, and not with --quick".to_owned());
        }
        Ok(options)
    }

    /// The rows, in the order of the page.
    pub(super) fn rows(&self) -> Vec<&'static Row> {
        static ALL: &[Row] = &row::ALL;
        let wanted = |row: &&Row| self.only.is_empty() || self.only.iter().any(|name| name == row.name);
        ALL.iter().filter(wanted).collect()
    }
}

fn known(name: &str) -> Result<String, String> {
    if row::ALL.iter().any(|row| row.name == name) {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = row::ALL.iter().map(|row| row.name).collect();
    Err(format!("there is no row '{name}'; there are {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{Options, Pace};

    #[test]
    fn rows_are_chosen_by_name_and_measured_in_the_order_of_the_page() {
        let options = Options::parse(&["--only", "bulk,requests", "--quick"]).unwrap();
        let names: Vec<&str> = options.rows().iter().map(|row| row.name).collect();
        assert_eq!((names, options.pace), (vec!["requests", "bulk"], Pace::Quick));
    }

    #[test]
    fn the_page_is_written_from_whole_runs_only() {
        assert!(Options::parse(&["--write"]).unwrap().write);
        for words in [["--write", "--quick"].as_slice(), &["--write", "--only", "bulk"]] {
            assert!(Options::parse(words).unwrap_err().contains("whole run"));
        }
    }

    #[test]
    fn unknown_words_and_rows_are_refused() {
        for words in [["--only"].as_slice(), &["--only", "speed"], &["--slowly"]] {
            let _said = Options::parse(words).unwrap_err();
        }
    }
}
