//! Makes certificates while the tests run.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a certificate's holder: certificate, key and authority.
#[derive(Clone, Debug)]
pub struct Files {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A certificate authority with its own directory.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
}

fn named(subject: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    // RFC 4514 writes the last RDN of the certificate first.
    for rdn in subject.split(',').rev() {
        let kind = match rdn.split_once('=').unwrap().0 {
            "CN" => DnType::CommonName,
            "OU" => DnType::OrganizationalUnitName,
            "O" => DnType::OrganizationName,
            other => panic!("no kind of name: {other}"),
        };
        name.push(kind, rdn.split_once('=').unwrap().1);
    }
    name
}

impl Authority {
    pub fn new(directory: &Path) -> Self {
        fs::create_dir_all(directory).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = named("CN=authority,O=example");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(directory.join("ca.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), directory: directory.to_path_buf() }
    }

    /// Issues a certificate for a subject. `name`: the prefix of its files; a second certificate replaces the
    /// first.
    pub fn issue(&self, name: &str, subject: &str) -> Files {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = named(subject);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let at = |end: &str| self.directory.join(format!("{name}.{end}"));
        let files = Files { ca: self.directory.join("ca.pem"), cert: at("pem"), key: at("key") };
        fs::write(&files.cert, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}
