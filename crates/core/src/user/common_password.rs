//! Passwords that are tried first by whoever guesses: common words one after another with numbers around them, runs along
//! the keyboard or the alphabet, the same again and again (NIST SP 800-63B, section 3.1.1.2, asks to refuse them).
//!
//! The list is of words, not of passwords: twelve characters are asked for, and the common passwords that long are made of
//! few words.

use crate::name::fold;

/// What common passwords are made of, in lower case.
#[rustfmt::skip]
const WORDS: [&str; 95] = [
    "abc", "abcd", "adit", "admin", "administrator", "adobe", "andrew", "angel", "april", "asdf", "august", "autumn",
    "bailey", "baseball", "batman", "buster", "changeme", "charlie", "cheese", "chelsea", "computer", "cookie", "daniel",
    "december", "default", "dragon", "fall", "february", "flower", "football", "freedom", "friday", "geheim", "google",
    "guest", "hallo", "harley", "hello", "hunter", "iloveyou", "january", "jennifer", "jessica", "jordan", "july", "june",
    "killer", "lakers", "letmein", "liverpool", "login", "london", "love", "maggie", "march", "master", "matrix", "may",
    "michael", "michelle", "monday", "monkey", "mustang", "november", "october", "pass", "passwd", "password",
    "passwort", "pepper", "pokemon", "princess", "qwerty", "qwertz", "ranger", "root", "secret", "security", "september",
    "server", "shadow", "soccer", "spring", "starwars", "summer", "sunday", "sunshine", "superman", "temp", "test",
    "thomas", "user", "welcome", "whatever", "winter",
];

/// Along which keys, letters or digits are next to each other.
const RUNS: [&str; 8] = [
    "012345678901234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "!@#$%^&*()",
];

/// The shortest piece of a run that counts as one.
const SHORTEST_RUN: usize = 3;

/// The longest password of which it is asked; what is longer is guessed by nobody.
const LONGEST: usize = 64;

/// Whether a password is among those that are guessed first.
pub(super) fn is_common(password: &str) -> bool {
    let folded = fold(password);
    let text: Vec<char> = folded.chars().collect();
    if text.len() > LONGEST {
        return false;
    }
    is_repeated(&text) || is_made_of_common(&text) || is_made_of_common(&unmasked(&text))
}

/// Whether it is a short piece three times or more.
fn is_repeated(text: &[char]) -> bool {
    (1..=text.len() / 3).any(|length| {
        let piece = text.get(..length).unwrap_or_default();
        text.chunks(length).all(|chunk| piece.starts_with(chunk))
    })
}

/// Whether it is common words and runs one after another, with numbers and signs before, between and behind them.
fn is_made_of_common(text: &[char]) -> bool {
    // From each place that can be reached, what can be reached by one more piece.
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for start in 0..text.len() {
        if reached.get(start) != Some(&true) {
            continue;
        }
        let rest = text.get(start..).unwrap_or_default();
        for length in pieces(rest) {
            if let Some(end) = reached.get_mut(start + length) {
                *end = true;
            }
        }
    }
    reached.last() == Some(&true) && text.iter().any(|character| character.is_alphabetic())
        || text.len() == longest_run(text)
}

/// The lengths of the pieces with which `rest` can begin.
fn pieces(rest: &[char]) -> impl Iterator<Item = usize> {
    let begins = move |word: &&&str| word.chars().eq(rest.iter().copied().take(word.chars().count()));
    let words = WORDS.iter().filter(begins).map(|word| word.chars().count());
    let run = longest_run(rest);
    let runs = SHORTEST_RUN..=run;
    let filler = rest.first().is_some_and(|first| !first.is_alphabetic()).then_some(1);
    words.chain(runs).chain(filler)
}

/// How many characters from the first on follow each other along a row, in either direction.
fn longest_run(text: &[char]) -> usize {
    let along = |row: &str| {
        let row: Vec<char> = row.chars().collect();
        let backwards: Vec<char> = row.iter().rev().copied().collect();
        [row, backwards].iter().map(|row| longest_piece(row, text)).max().unwrap_or_default()
    };
    RUNS.iter().map(|row| along(row)).max().unwrap_or_default()
}

fn longest_piece(row: &[char], text: &[char]) -> usize {
    let common = |start: usize| {
        let row = row.get(start..).unwrap_or_default();
        row.iter().zip(text).take_while(|(own, other)| own == other).count()
    };
    (0..row.len()).map(common).max().unwrap_or_default()
}

/// With letters in the place of the digits and signs that stand for them.
fn unmasked(text: &[char]) -> Vec<char> {
    let letter = |character: &char| match character {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => *other,
    };
    // What stands before the first letter and behind the last is a number and not a mask.
    let first = text.iter().position(|character| character.is_alphabetic()).unwrap_or(text.len());
    let last = text.iter().rposition(|character| character.is_alphabetic()).unwrap_or_default();
    let is_inside = |place: usize| place > first && place < last;
    let shown = |(place, character): (usize, &char)| if is_inside(place) { letter(character) } else { *character };
    text.iter().enumerate().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_common() {
        for password in [
            "Password1234",
            "P@ssw0rd2026!",
            "passwordpassword",
            "123456789012",
            "098765432109",
            "qwertyuiop123",
            "1q2w3e1q2w3e1q2w3e",
            "QwertyQwerty1!",
            "Welcome-2026-Summer",
            "adminadmin12",
            "abcdefghijkl",
            "iloveyou!!!!2",
            "!!Changeme!!123",
            "test1234test1234",
            "ab12ab12ab12",
        ] {
            assert!(is_common(password), "{password}");
        }
    }

    #[test]
    fn what_nobody_has_on_a_list_is_not() {
        for password in [
            "correct horse battery",
            "a long sentence is best",
            "xWwvJ]6NMw+bWH-d",
            "another long secret",
            "Grünkohl mit Pinkel",
            "839201746529",
            "password of a tall giraffe",
            "mellon mellon gandalf",
        ] {
            assert!(!is_common(password), "{password}");
        }
        assert!(!is_common(&"password".repeat(30)), "what is very long takes no time");
    }

    #[test]
    fn the_words_are_in_the_form_in_which_they_are_sought() {
        for word in WORDS {
            assert_eq!(fold(word), word);
            assert!(word.chars().all(char::is_alphabetic), "{word}");
        }
    }
}
