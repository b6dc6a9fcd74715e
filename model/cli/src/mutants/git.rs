//! The git commands that the scoreboard needs.

use super::error::Error;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program git.
#[derive(Debug, Clone)]
pub struct Git {
    /// Path or name of the program.
    pub program: PathBuf,
}

impl Git {
    /// Standard output of a git command.
    ///
    /// # Errors
    /// [`Error::Start`] if git cannot be started; [`Error::Git`] with git's message if the command fails.
    pub fn output(&self, cwd: &Path, args: &[&str]) -> Result<Vec<u8>, Error> {
        let output = self.command(cwd, args).output().map_err(Error::start(&self.program))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Error::Git {
            what: args.first().copied().unwrap_or_default().to_owned(),
            said: first_line(&output),
        })
    }

    /// The paths that a git command with `-z` prints.
    ///
    /// # Errors
    /// As [`Git::output`]; also for a path that is not UTF-8.
    pub fn paths(&self, cwd: &Path, args: &[&str]) -> Result<Vec<String>, Error> {
        let output = self.output(cwd, args)?;
        let paths = output.split(|byte| *byte == 0).filter(|p| !p.is_empty());
        let text = |path: &[u8]| {
            String::from_utf8(path.to_vec()).map_err(|_| Error::Git {
                what: args.first().copied().unwrap_or_default().to_owned(),
                said: format!("path {} is not UTF-8", String::from_utf8_lossy(path)),
            })
        };
        paths.map(text).collect()
    }

    /// The files that differ between the commit `base` and the working tree, including new ones.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such commit.
    pub fn changed_since(&self, root: &Path, base: &str) -> Result<Vec<String>, Error> {
        let commit = format!("{base}^{{commit}}");
        let verify = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
        let commit = match self.output(root, &verify) {
            Ok(hash) => String::from_utf8_lossy(&hash).trim().to_owned(),
            Err(Error::Git { .. }) => {
                return Err(Error::Usage(format!("commit `{base}` does not exist in this repository")));
            }
            Err(other) => return Err(other),
        };
        let diff = ["diff", "--name-only", "--no-renames", "-z", &commit, "--"];
        let others = ["ls-files", "-z", "--others", "--exclude-standard"];
        let mut changed = self.paths(root, &diff)?;
        changed.extend(self.paths(root, &others)?);
        Ok(changed)
    }

    /// Applies `diff` to the directory `tree`; with `check`, only tries to. Returns git's message if the diff does
    /// not apply.
    ///
    /// # Errors
    /// [`Error`] if git cannot be started.
    pub fn apply(&self, tree: &Path, diff: &str, check: bool) -> Result<Option<String>, Error> {
        if diff.trim().is_empty() {
            return Ok(None);
        }
        let mut command = self.command(tree, &["apply", "--whitespace=nowarn"]);
        // In a subdirectory of a repository, git would skip every path of the patch and succeed. So it must not see
        // the repository around the copy.
        command.env("GIT_CEILING_DIRECTORIES", tree.parent().unwrap_or(tree));
        if check {
            command.arg("--check");
        }
        let mut child = command
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::start(&self.program))?;
        if let Some(mut stdin) = child.stdin.take() {
            // If git cannot read its input, it reports that itself.
            let _ = stdin.write_all(diff.as_bytes());
        }
        let output = child.wait_with_output().map_err(Error::start(&self.program))?;
        Ok((!output.status.success()).then(|| first_line(&output)))
    }

    fn command(&self, cwd: &Path, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(cwd).args(args);
        // In a git hook, these variables would make every command use another tree than `cwd`.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C");
        command
    }
}

fn first_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    // Warnings come before the error.
    let line = lines.clone().find(|line| !line.starts_with("warning:"));
    let line = line.or_else(|| lines.clone().next());
    let line = line.map(|line| line.strip_prefix("error: ").unwrap_or(line));
    line.map_or_else(|| output.status.to_string(), str::to_owned)
}
