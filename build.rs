//! Generates the code of the client interface from its description. No `protoc`: the compiler is a library.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "a build script speaks to cargo")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "server")]
    api()?;
    Ok(())
}

#[cfg(feature = "server")]
fn api() -> Result<(), Box<dyn std::error::Error>> {
    use prost::Message as _;
    let files = ["src/node/proto/cutover.proto", "src/node/proto/sink.proto"];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = std::path::PathBuf::from(std::env::var("OUT_DIR")?).join("cutover.v1.bin");
    std::fs::write(&descriptors, protox::compile(files, ["src/node/proto"])?.encode_to_vec())?;
    tonic_build::configure()
        .file_descriptor_set_path(&descriptors)
        .skip_protoc_run()
        .compile_protos(&files, &["src/node/proto"])?;
    Ok(())
}
