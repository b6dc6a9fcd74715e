//! Reads Rust source as far as the architecture tests need it: the paths that it names, with their lines, and the
//! items that are tests. This is no parser: comments and literals are blanked, and the rest is split into tokens.

use std::ops::Range;

/// A path as written, such as `std::fs::read`, `crate::ids::Epoch`, or a single word. A `use` with braces yields a
/// path for each name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Line number, from 1.
    pub line: usize,
    /// The segments of the path. The name of a macro keeps its `!`; a glob is `*`.
    pub segments: Vec<String>,
    /// Whether the path is in a `use`.
    pub import: bool,
}

impl Path {
    /// Whether `pattern` (such as `std::fs`, `println!`, `Mutex`) occurs in the path as a sequence of whole
    /// segments.
    pub fn contains(&self, pattern: &str) -> bool {
        let wanted: Vec<&str> = pattern.split("::").collect();
        self.segments.windows(wanted.len()).any(|window| window == wanted)
    }
}

/// All paths in a source text, except those in comments and literals.
pub fn paths(text: &str) -> Vec<Path> {
    paths_in(&blank(text))
}

/// All paths in a source text outside of items under `#[cfg(test)]`.
pub fn paths_outside_tests(text: &str) -> Vec<Path> {
    let mut code = blank(text);
    for item in test_items(&code) {
        for c in &mut code[item] {
            *c = if *c == '\n' { '\n' } else { ' ' };
        }
    }
    paths_in(&code)
}

/// Number of lines of a source text outside of items under `#[cfg(test)]`.
pub fn lines_outside_tests(text: &str) -> usize {
    let code = blank(text);
    let in_tests: usize =
        test_items(&code).into_iter().map(|item| 1 + code[item].iter().filter(|c| **c == '\n').count()).sum();
    text.lines().count().saturating_sub(in_tests)
}

/// The text with comments and literals replaced by spaces.
fn blank(text: &str) -> Vec<char> {
    let code: Vec<char> = text.chars().collect();
    let mut out = Vec::with_capacity(code.len());
    let mut at = 0;
    while at < code.len() {
        let end = literal_end(&code, at).min(code.len());
        if end == at {
            out.push(code[at]);
            at += 1;
        } else {
            out.extend(code[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// End of the comment or literal that begins at `at`; `at` if none begins there.
fn literal_end(code: &[char], at: usize) -> usize {
    let char_at = |i: usize| code.get(i).copied().unwrap_or('\0');
    let find = |from: usize, wanted: &[char]| {
        (from..code.len()).find(|i| code[*i..].starts_with(wanted)).unwrap_or(code.len())
    };
    match (char_at(at), char_at(at + 1)) {
        ('/', '/') => find(at, &['\n']),
        ('/', '*') => {
            let (mut depth, mut i) = (1, at + 2);
            while depth > 0 && i < code.len() {
                match (char_at(i), char_at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
            }
            i
        }
        ('"', _) => {
            let mut i = at + 1;
            while i < code.len() && char_at(i) != '"' {
                i += if char_at(i) == '\\' { 2 } else { 1 };
            }
            i + 1
        }
        ('r', '"' | '#') => {
            let hashes = code[at + 1..].iter().take_while(|c| **c == '#').count();
            if char_at(at + 1 + hashes) != '"' {
                return at;
            }
            let mut close = vec!['"'];
            close.resize(1 + hashes, '#');
            find(at + 2 + hashes, &close) + close.len()
        }
        ('\'', '\\') => find(at + 3, &['\'']) + 1,
        // A lifetime has no closing quote.
        ('\'', c) if c != '\'' && char_at(at + 2) == '\'' => at + 3,
        _ => at,
    }
}

/// The ranges of the items under `#[cfg(test)]`, including the attribute, in blanked source.
fn test_items(code: &[char]) -> Vec<Range<usize>> {
    let attribute: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut items = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if code[at..].starts_with(&attribute) {
            let end = item_end(code, at + attribute.len());
            items.push(at..end);
            at = end;
        } else {
            at += 1;
        }
    }
    items
}

/// An item ends at the brace that closes its first brace, or at a semicolon before any.
fn item_end(code: &[char], from: usize) -> usize {
    let (mut braces, mut others) = (0_i32, 0_i32);
    for (i, c) in code.iter().enumerate().skip(from) {
        match c {
            '{' => braces += 1,
            '}' if braces <= 1 => return i + 1,
            '}' => braces -= 1,
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            ';' if braces == 0 && others == 0 => return i + 1,
            _ => {}
        }
    }
    code.len()
}

#[derive(Debug)]
struct Token {
    text: String,
    line: usize,
}

impl Token {
    fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Splits blanked source into words, `::`, and single other characters.
fn tokens(code: &[char]) -> Vec<Token> {
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    let mut out = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < code.len() {
        let length = match code[at] {
            c if is_word(&c) => code[at..].iter().take_while(|c| is_word(c)).count(),
            ':' if code.get(at + 1) == Some(&':') => 2,
            _ => 1,
        };
        let text: String = code[at..at + length].iter().collect();
        if text == "\n" {
            line += 1;
        } else if !text.trim().is_empty() {
            out.push(Token { text, line });
        }
        at += length;
    }
    out
}

fn paths_in(code: &[char]) -> Vec<Path> {
    let tokens = tokens(code);
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // The `use<'a>` of a bound is no import.
        if text(at) == "use" && text(at + 1) != "<" {
            let end = (at..tokens.len()).find(|i| text(*i) == ";").unwrap_or(tokens.len());
            out.extend(names_of_use(&tokens[at + 1..end]));
            at = end;
        } else if tokens[at].is_name() {
            let line = tokens[at].line;
            let mut segments = vec![tokens[at].text.clone()];
            while text(at + 1) == "::" && tokens.get(at + 2).is_some_and(Token::is_name) {
                at += 2;
                segments.push(tokens[at].text.clone());
            }
            if text(at + 1) == "!" && text(at + 2) != "=" {
                segments.last_mut().into_iter().for_each(|last| last.push('!'));
            }
            out.push(Path { line, segments, import: false });
        }
        at += 1;
    }
    out
}

/// The paths in the tree of a `use`: `a::{b, c::d}` names `a::b` and `a::c::d`.
fn names_of_use(tree: &[Token]) -> Vec<Path> {
    let mut out = Vec::new();
    let mut prefixes: Vec<Vec<String>> = Vec::new();
    let mut current: Vec<String> = Vec::new();
    let mut line = 0;
    let mut tokens = tree.iter();
    let mut name = |current: &[String], prefixes: &[Vec<String>], line| {
        if current.len() > prefixes.last().map_or(0, Vec::len) {
            out.push(Path { line, segments: current.to_vec(), import: true });
        }
    };
    while let Some(token) = tokens.next() {
        match token.text.as_str() {
            "::" => {}
            "as" => {
                tokens.next();
            }
            "{" => prefixes.push(current.clone()),
            "," => {
                name(&current, &prefixes, line);
                current = prefixes.last().cloned().unwrap_or_default();
            }
            "}" => {
                name(&current, &prefixes, line);
                prefixes.pop();
                current.clear();
            }
            segment => {
                line = token.line;
                current.push(segment.to_string());
            }
        }
    }
    name(&current, &prefixes, line);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<String> {
        paths(text).iter().map(|path| format!("{} {}", path.line, path.segments.join("::"))).collect()
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        assert_eq!(written("// std::fs\n/// std::fs\n/* a /* std::fs */ b */ x"), ["3 x"]);
        assert_eq!(written(r##" a("std::fs \" b", r#"c " d"#, '"', '\'', b'e') f "##), ["1 a", "1 b", "1 f"]);
        assert_eq!(written("fn f<'a>(x: &'a T) {}"), ["1 fn", "1 f", "1 a", "1 x", "1 a", "1 T"]);
        assert_eq!(written("\"two\nlines\" x"), ["2 x"]);
    }

    #[test]
    fn a_use_with_braces_gives_one_path_for_each_name() {
        assert_eq!(
            written("use a::{b, c::{d, e as f,}, g::*};\nuse h as i;"),
            ["1 a::b", "1 a::c::d", "1 a::c::e", "1 a::g::*", "2 h"]
        );
        assert_eq!(
            written("use crate::{\n ids::Epoch,\n self,\n};"),
            ["2 crate::ids::Epoch", "3 crate::self"]
        );
    }

    #[test]
    fn paths_in_code_are_seen_whole() {
        assert_eq!(written("std::fs::read::<T>(x)"), ["1 std::fs::read", "1 T", "1 x"]);
        assert_eq!(written("$crate::ids::Halt"), ["1 crate::ids::Halt"]);
        assert_eq!(written("println!(); a != b"), ["1 println!", "1 a", "1 b"]);
    }

    #[test]
    fn a_pattern_matches_whole_segments_only() {
        let path = |text| paths(text).remove(0);
        assert!(path("std::fs::read").contains("std::fs"));
        assert!(path("use std::{fs};").contains("std::fs"));
        assert!(path("Mutex::new").contains("Mutex"));
        assert!(!path("MutexLike").contains("Mutex"));
        assert!(!path("my_std::fs").contains("std::fs"));
    }

    #[test]
    fn test_items_are_left_out() {
        let text = "a\n#[cfg(test)]\nmod tests {\n fn f() { b }\n}\nc\n#[cfg(test)]\nuse d;\ne\n";
        let names: Vec<String> =
            paths_outside_tests(text).iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(names, ["a", "c", "e"]);
        assert_eq!(lines_outside_tests(text), 3);
        assert_eq!(lines_outside_tests("a\nb\n// #[cfg(test)]\nc\n"), 4);
    }
}
