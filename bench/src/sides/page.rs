//! The page of the measurements, `bench/README.md`: what stands between two marks is written here and by nobody else.

use std::fs;
use std::path::PathBuf;

use adit_tests::repository;

/// Puts `measured` between the marks of that name; says where that was.
pub(crate) fn write(name: &str, measured: &str) -> PathBuf {
    let path = repository().join("bench/README.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    fs::write(&path, replaced(&page, name, measured))
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
    path
}

fn replaced(page: &str, name: &str, measured: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->\n"));
    let (before, rest) = page.split_once(&begin).expect("the mark where the measurements begin");
    let (_, after) = rest.split_once(&end).expect("the mark where the measurements end");
    format!("{before}{begin}\n{measured}\n{end}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sides::row;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = |what: &str| format!("above\n<!-- it: begin -->\n{what}<!-- it: end -->\nbelow\n");
        assert_eq!(replaced(&page("old\n"), "it", "new"), page("\nnew\n"));
    }

    #[test]
    fn the_page_explains_every_row() {
        let page = fs::read_to_string(repository().join("bench/README.md")).unwrap();
        for row in &row::ALL {
            assert!(page.contains(&format!("`{}`", row.name)), "bench/README.md does not explain {}", row.name);
        }
        for name in ["measured", "connectors", "sign-in", "snapshot"] {
            let _ = replaced(&page, name, "");
        }
    }
}
