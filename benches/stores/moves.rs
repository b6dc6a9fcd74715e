//! Moves of `cutoverd demo`, beside a copy of a file of the same bytes.

use serde_json::Value;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

pub fn head() {
    println!(
        "| rows | bytes of a value | writers | copy | file of the same bytes | ratio | p99 of a write at rest | while it copies | ratio | most resident: node, store, gateway |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
}

/// Copies a file of so many bytes, durably. Returns millions of bytes per second.
fn file(folder: &Path, bytes: u64) -> f64 {
    let (from, to) = (folder.join("from"), folder.join("to"));
    let mut file = File::create(&from).expect("a file");
    let block: Vec<u8> = (0..1_u32 << 18).flat_map(u32::to_le_bytes).collect();
    let mut left = bytes;
    while left > 0 {
        let size = left.min(block.len() as u64);
        let part = block.get(..usize::try_from(size).expect("a block")).expect("a block");
        file.write_all(part).expect("room");
        left -= size;
    }
    file.sync_all().expect("a sync");
    let began = Instant::now();
    std::fs::copy(&from, &to).expect("a copy");
    File::open(&to).and_then(|file| file.sync_all()).expect("a sync");
    let took = began.elapsed().as_secs_f64();
    [from, to].iter().for_each(|path| std::fs::remove_file(path).expect("it was made"));
    bytes as f64 / 1e6 / took
}

fn demo(folder: &Path, arguments: &[String]) -> Value {
    let _old = std::fs::remove_dir_all(folder.join("demo"));
    let ran = Command::new(env!("CARGO_BIN_EXE_cutoverd"))
        .args(["demo", "--format", "json", "--moves", "4", "--seed", "1", "--dir"])
        .arg(folder.join("demo"))
        .arg("--html")
        .arg(folder.join("demo.html"))
        .args(arguments)
        .output()
        .expect("it runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let line = |line: &str| serde_json::from_str::<Value>(line).ok().filter(|line| line["type"] == "demo");
    String::from_utf8_lossy(&ran.stdout).lines().find_map(line).expect("a result")
}

/// Moves a partition four times, and prints what was found.
pub fn row(folder: &Path, rows: u64, value_bytes: u64, writers: u64) {
    let options = [("--rows", rows), ("--value-bytes", value_bytes), ("--writers", writers)];
    let arguments: Vec<String> =
        options.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_string()]).collect();
    let found = demo(folder, &arguments);
    let number = |name: &str| found[name].as_f64().unwrap_or(f64::NAN);
    assert!(found["lost"] == 0 && found["linearizable"] == true, "{found}");
    let plain = file(folder, found["bytes"].as_u64().expect("bytes"));
    let (rest, copying) = (number("at_rest_us_p99") / 1e3, number("copying_us_p99") / 1e3);
    let mib = |name| number(name) / 1024.0;
    println!(
        "| {rows} | {value_bytes} | {writers} | {:.1} MB/s | {plain:.0} MB/s | {:.3} | {rest:.1} ms | {copying:.1} ms | {:.2} | {:.0}, {:.0}, {:.0} MiB |",
        number("copy_mb_s"),
        number("copy_mb_s") / plain,
        copying / rest,
        mib("node_kib_max"),
        mib("store_kib_max"),
        mib("gateway_kib_max"),
    );
}
