//! The page of the measurements, `bench/README.md`: what stands between two marks is written here and by nobody else.

use std::fs;
use std::path::PathBuf;

use adit_tests::repository;

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

/// Puts `measured` between the marks of the page; says where that was.
pub(super) fn write(measured: &str) -> PathBuf {
    let path = repository().join("bench/README.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    fs::write(&path, replaced(&page, measured))
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
    path
}

fn replaced(page: &str, measured: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("the mark where the measurements begin");
    let (_, after) = rest.split_once(END).expect("the mark where the measurements end");
    format!("{before}{BEGIN}\n{measured}\n{END}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sides::row;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = format!("above\n{BEGIN}old\n{END}below\n");
        assert_eq!(replaced(&page, "new"), format!("above\n{BEGIN}\nnew\n{END}below\n"));
    }

    #[test]
    fn the_page_explains_every_row() {
        let page = fs::read_to_string(repository().join("bench/README.md")).unwrap();
        for row in &row::ALL {
            assert!(page.contains(&format!("`{}`", row.name)), "bench/README.md does not explain {}", row.name);
        }
        let _ = replaced(&page, "");
    }
}
