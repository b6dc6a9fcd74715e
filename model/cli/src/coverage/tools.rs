//! The LLVM tools that read the profiles of this compiler. The format of a profile changes with LLVM's major version.

use super::error::Error;
use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `rustc -vV` says.
#[derive(Debug, PartialEq, Eq)]
struct Compiler {
    release: String,
    host: String,
    llvm: String,
}

/// The programs that merge and export profiles.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) profdata: PathBuf,
    pub(super) cov: PathBuf,
}

/// Finds the tools of the compiler's own LLVM: those of rustup's component, then Debian's, then any on the search path.
///
/// # Errors
/// [`Error::NoTools`] if none has the compiler's version.
pub(super) fn find() -> Result<Tools, Error> {
    let rustc = PathBuf::from(env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc")));
    let compiler = compiler(&said(&rustc, &["-vV"])?)?;
    let sysroot = said(&rustc, &["--print", "sysroot"])?;
    let component = Path::new(sysroot.trim()).join("lib/rustlib").join(&compiler.host).join("bin");
    let mut folders = vec![component, PathBuf::from(format!("/usr/lib/llvm-{}/bin", major(&compiler.llvm)))];
    folders.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    choose(&compiler, &folders, &|program| said(program, &["--version"]).ok())
}

/// The first folder with both tools of the compiler's major version; `version` runs a program with `--version`.
fn choose(
    compiler: &Compiler,
    folders: &[PathBuf],
    version: &dyn Fn(&Path) -> Option<String>,
) -> Result<Tools, Error> {
    let wanted = major(&compiler.llvm);
    let mut others: Vec<String> = Vec::new();
    for folder in folders {
        for suffix in [String::new(), format!("-{wanted}")] {
            let of = |name: &str| folder.join(format!("{name}{suffix}{EXE_SUFFIX}"));
            let (profdata, cov) = (of("llvm-profdata"), of("llvm-cov"));
            let versions = [&profdata, &cov].map(|program| Some(llvm(&version(program)?)?.to_owned()));
            match versions {
                [Some(one), Some(other)] if major(&one) == wanted && major(&other) == wanted => {
                    return Ok(Tools { profdata, cov });
                }
                [one, other] => {
                    let both = [(profdata, one), (cov, other)].into_iter();
                    others.extend(
                        both.filter_map(|(program, of)| Some(format!("{} {}", program.display(), of?))),
                    );
                }
            }
        }
    }
    let found = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
    Err(Error::NoTools(format!(
        "rustc {} needs the tools of its LLVM {}: found {found}, expected llvm-profdata and llvm-cov of LLVM {wanted} \
         (`rustup component add llvm-tools`, or on Debian `apt-get install llvm-{wanted}`)",
        compiler.release, compiler.llvm
    )))
}

fn compiler(verbose: &str) -> Result<Compiler, Error> {
    let field = |name: &str| {
        let value = verbose.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned).ok_or_else(|| {
            Error::NoTools(format!(
                "`rustc -vV`: found no line `{name}: …`, expected one: is it built with LLVM?"
            ))
        })
    };
    Ok(Compiler { release: field("release")?, host: field("host")?, llvm: field("LLVM version")? })
}

/// The version in what a tool of LLVM says of itself.
fn llvm(said: &str) -> Option<&str> {
    said.split_once("LLVM version ")?.1.split_whitespace().next()
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

fn said(program: &Path, args: &[&str]) -> Result<String, Error> {
    let output = Command::new(program).args(args).output().map_err(Error::start(program))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERBOSE: &str = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\n\
                           release: 1.95.0\nLLVM version: 22.1.2\n";

    fn chosen(there: &[(&str, &str)]) -> Result<Tools, String> {
        let compiler = compiler(VERBOSE).unwrap();
        let version = |program: &Path| {
            let (_, version) = there.iter().find(|(path, _)| Path::new(path) == program)?;
            Some(format!("Debian LLVM version {version}\n  Optimized build.\n"))
        };
        choose(&compiler, &["/own".into(), "/usr/bin".into()], &version).map_err(|error| error.to_string())
    }

    #[test]
    fn the_compilers_own_major_version_is_taken_wherever_it_is() {
        let old = [("/usr/bin/llvm-profdata", "14.0.6"), ("/usr/bin/llvm-cov", "14.0.6")];
        let beside = [("/usr/bin/llvm-profdata-22", "22.1.8"), ("/usr/bin/llvm-cov-22", "22.1.8")];
        let tools = chosen(&[old, beside].concat()).unwrap();
        assert_eq!(tools.cov, Path::new("/usr/bin/llvm-cov-22"));
        let tools =
            chosen(&[("/own/llvm-profdata", "22.1.2-rust"), ("/own/llvm-cov", "22.1.2-rust")]).unwrap();
        assert_eq!(tools.profdata, Path::new("/own/llvm-profdata"));
    }

    #[test]
    fn no_tool_and_a_tool_of_another_version_are_told_apart() {
        let none = chosen(&[]).unwrap_err();
        assert!(none.contains("found none, expected llvm-profdata and llvm-cov of LLVM 22"), "{none}");
        assert!(none.contains("apt-get install llvm-22") && none.contains("rustc 1.95.0"), "{none}");
        let other =
            chosen(&[("/usr/bin/llvm-profdata", "14.0.6"), ("/usr/bin/llvm-cov", "14.0.6")]).unwrap_err();
        assert!(
            other.contains("found /usr/bin/llvm-profdata 14.0.6, /usr/bin/llvm-cov 14.0.6, expected"),
            "{other}"
        );
        let half = chosen(&[("/own/llvm-cov", "22.1.2")]).unwrap_err();
        assert!(half.contains("found /own/llvm-cov 22.1.2, expected llvm-profdata and"), "{half}");
    }

    #[test]
    fn a_compiler_without_llvm_is_refused() {
        let error = compiler("release: 1.95.0\nhost: x\n").unwrap_err().to_string();
        assert!(error.contains("no line `LLVM version: …`"), "{error}");
    }
}
