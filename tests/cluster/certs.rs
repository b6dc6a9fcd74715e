//! Makes certificates while the tests run.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The files of a certificate's holder: certificate, key and authority.
#[derive(Clone, Debug)]
pub struct Files {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
    /// The list of revoked certificates, where a node or client is to read one.
    pub crl: Option<PathBuf>,
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
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap();
        fs::write(directory.join("ca.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), directory: directory.to_path_buf() }
    }

    /// Issues a certificate for a subject. `name`: the prefix of its files; a second certificate replaces the
    /// first.
    pub fn issue(&self, name: &str, subject: &str) -> Files {
        self.issue_with(name, subject, |_| {})
    }

    /// Issues a certificate that expires soon.
    pub fn issue_for(&self, name: &str, subject: &str, valid: Duration) -> Files {
        self.issue_with(name, subject, |params| params.not_after = (SystemTime::now() + valid).into())
    }

    /// Issues a certificate with this serial number.
    pub fn issue_numbered(&self, name: &str, subject: &str, serial: u64) -> Files {
        self.issue_with(name, subject, |params| params.serial_number = Some(SerialNumber::from(serial)))
    }

    /// Writes the list of revoked certificates, by serial number.
    pub fn revoke(&self, serials: &[u64]) -> PathBuf {
        let at = SystemTime::now() - Duration::from_secs(60);
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: at.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: at.into(),
            next_update: (at + Duration::from_secs(86_400)).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.directory.join("revoked.pem");
        fs::write(&path, params.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        path
    }

    fn issue_with(&self, name: &str, subject: &str, change: impl FnOnce(&mut CertificateParams)) -> Files {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = named(subject);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let at = |end: &str| self.directory.join(format!("{name}.{end}"));
        let files = Files { ca: self.directory.join("ca.pem"), cert: at("pem"), key: at("key"), crl: None };
        fs::write(&files.cert, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}
