//! One node: its configuration, its process, and its output.

use super::certs::Files;
use std::fs::{self, File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

pub const BINARY: &str = env!("CARGO_BIN_EXE_cutoverd");

/// Limit for every wait. No test depends on durations; a longer wait would never end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Limit for a command or a future of a test, which may consist of many waits.
pub const LONGEST: Duration = Duration::from_secs(600);

/// Polls until there is a result.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reports that this machine cannot run a test; fails in CI.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CUTOVER_CI").is_none(), "skipped in CI: {why}");
    eprintln!("skipped: {why}");
}

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A free port. It is below the range for outgoing connections, so that nothing takes it while its node is down. No
/// two callers get the same one.
pub fn free() -> SocketAddr {
    const FIRST: u16 = 12_000;
    const MANY: u16 = 20_000;
    let offset = u16::try_from(std::process::id() % u32::from(MANY / 64)).unwrap() * 64;
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from(([127, 0, 0, 1], FIRST + (offset + next) % MANY));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// The exit code and output of a process.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Asserts success and returns the standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Asserts a failure with this exit code, and one line on stderr that contains all of these words.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) {
        let lines: Vec<&str> = self.err.lines().filter(|line| line.starts_with("cutover: ")).collect();
        assert_eq!(lines.len(), 1, "one clear line is expected: {self:?}");
        for word in words {
            assert!(lines[0].contains(word), "{word:?} is missing: {self:?}");
        }
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{self:?}");
        assert_eq!(self.code, code, "{self:?}");
    }
}

/// Runs a command until it ends. One that hangs is killed, and fails the test.
#[track_caller]
pub fn run(command: &mut Command) -> Ran {
    fn text(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (out, err) = (text(child.stdout.take().unwrap()), text(child.stderr.take().unwrap()));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LONGEST {
            child.kill().unwrap();
            panic!("it does not end: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Ran { code: status.code().unwrap_or(-1), out: out.join().unwrap(), err: err.join().unwrap() }
}

/// Runs `cutoverd` with these arguments until it ends.
pub fn cutoverd<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ran {
    run(Command::new(BINARY).args(arguments).env("NO_COLOR", "1"))
}

/// A node, running or not.
pub struct Node {
    pub number: u8,
    /// A label, for the output of a test that failed.
    cluster: u64,
    pub directory: PathBuf,
    pub data: PathBuf,
    pub peer: SocketAddr,
    /// Whether it is configured without a peer port.
    pub alone: bool,
    pub client: SocketAddr,
    pub metrics: SocketAddr,
    pub files: Option<Files>,
    pub identity: String,
    /// Further sections of its configuration file.
    pub sections: String,
    /// Further arguments of `serve`.
    pub arguments: Vec<String>,
    /// A command that starts the node's process, such as `faketime`; usually empty.
    pub wrapper: Vec<String>,
    child: Option<Child>,
    /// Number of bytes of its output at the last start.
    heard: usize,
}

impl Node {
    pub fn new(directory: &Path, cluster: u64, number: u8, files: Option<Files>) -> Self {
        let directory = directory.join(format!("n{number}"));
        fs::create_dir_all(&directory).unwrap();
        Self {
            number,
            cluster,
            data: directory.join("data"),
            directory,
            peer: free(),
            alone: false,
            client: free(),
            metrics: free(),
            files,
            identity: format!("CN=n{number},OU=control-plane,O=example"),
            sections: String::new(),
            arguments: Vec::new(),
            wrapper: Vec::new(),
            child: None,
            heard: 0,
        }
    }

    /// Writes the configuration file and returns its path.
    pub fn configure(&self) -> PathBuf {
        let path = self.directory.join("node.toml");
        fs::write(&path, self.configuration()).unwrap();
        path
    }

    pub fn configuration(&self) -> String {
        let Self { number, data, peer, client, metrics, identity, sections, .. } = self;
        let data = data.display();
        let peer = if self.alone { String::new() } else { format!("peer = \"{peer}\"\n") };
        let tls = self.files.as_ref().map_or(String::new(), |Files { ca, cert, key, crl }| {
            let crl = crl.as_ref().map_or(String::new(), |crl| format!("crl = {crl:?}\n"));
            format!(
                "[tls]\nca = {ca:?}\ncert = {cert:?}\nkey = {key:?}\n{crl}\
                 [roles]\nadmin = [\"OU=ops,O=example\"]\ngateway = [\"OU=gateway,O=example\"]\n\
                 read-only = [\"OU=looks,O=example\"]\n"
            )
        });
        format!(
            "node = {number}\ndata = \"{data}\"\n\
             identity = \"{identity}\"\n\
             [listen]\n{peer}client = \"{client}\"\nmetrics = \"{metrics}\"\n\
             [timing]\nheartbeat_ms = 50\nelection_timeout_ms_min = 500\nelection_timeout_ms_max = 1000\n\
             {tls}{sections}"
        )
    }

    /// Runs a verb of `cutoverd` with the node's configuration until it ends.
    pub fn verb(&self, verb: &[&str]) -> Ran {
        run(Command::new(BINARY).args(verb).arg("--config").arg(self.configure()).env("NO_COLOR", "1"))
    }

    fn log(&self) -> PathBuf {
        self.directory.join("stderr")
    }

    fn spawn(&mut self) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        self.heard = usize::try_from(log.metadata().unwrap().len()).unwrap();
        let config = self.configure();
        let mut words = self.wrapper.clone();
        words.push(BINARY.to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("serve").arg("--config").arg(config).args(&self.arguments);
        let out: File = log.try_clone().unwrap();
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(out).stderr(log).spawn().unwrap()
    }

    /// Starts the node, and returns when it listens.
    #[track_caller]
    pub fn start(&mut self) {
        assert!(self.child.is_none());
        self.child = Some(self.spawn());
        until("a node that serves", || {
            if let Some(status) = self.ended() {
                panic!("n{} ended with {status}:\n{}", self.number, self.said());
            }
            self.said().contains(" serves ").then_some(())
        });
    }

    /// Starts the node, which is expected to end by itself.
    pub fn start_to_end(&mut self) -> Ran {
        assert!(self.child.is_none());
        self.child = Some(self.spawn());
        self.end()
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().unwrap())
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub fn end(&mut self) -> Ran {
        let status = until("a process that ends", || self.ended());
        self.child = None;
        Ran { code: status.code().unwrap_or(-1), out: String::new(), err: self.said() }
    }

    /// Waits until the node's output contains these words.
    #[track_caller]
    pub fn hears(&self, words: &str) {
        until(&format!("{words:?} of n{}", self.number), || self.said().contains(words).then_some(()));
    }

    /// The node's output since its last start.
    pub fn said(&self) -> String {
        let all = fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&all[self.heard.min(all.len())..]).into_owned()
    }

    pub const fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// Kills the process. Unlike a power failure, this loses nothing that was written.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("a process").id().to_string();
        assert_eq!(run(Command::new("kill").args([signal, &id])).code, 0);
    }

    /// Sends SIGTERM, and waits until the process has ended.
    #[track_caller]
    pub fn terminate(&mut self) -> Ran {
        self.signal("-TERM");
        self.end()
    }

    /// Resident memory of the process.
    pub fn memory_kib(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// Peak resident memory of the process.
    pub fn peak_kib(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Open descriptors of the process.
    pub fn descriptors(&self) -> usize {
        let id = self.child.as_ref().expect("a process").id();
        fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
    }

    fn memory(&self, what: &str) -> u64 {
        let id = self.child.as_ref().expect("a process").id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let all = fs::read_to_string(self.log()).unwrap_or_default();
            let from = all.len().saturating_sub(6_000);
            let tail = all.get(from..).unwrap_or(&all);
            eprintln!("--- n{} of cluster {} said:\n{tail}", self.number, self.cluster);
        }
    }
}
