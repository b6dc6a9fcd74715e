//! Every rule of the canonical form.

use super::*;

fn read(subject: &str) -> Result<ClusterVoterIdentity, IdentityError> {
    ClusterVoterIdentity::from_certificate_subject(subject)
}

/// What a subject is read as: its canonical form, and its CN.
#[track_caller]
fn check(subject: &str, canonical: &str, common_name: &str) {
    let identity = read(subject).unwrap_or_else(|error| panic!("{subject}: {error}"));
    assert_eq!((identity.as_str(), identity.common_name()), (canonical, common_name), "{subject}");
    assert_eq!(read(canonical), Ok(identity.clone()), "{subject}: the canonical form is another identity");
    assert_eq!(ClusterVoterIdentity::from_certificate_subject_bytes(subject.as_bytes()), Ok(identity));
}

/// Why a subject is refused, in the words that people read.
#[track_caller]
fn refused(subject: &str, why: &str) {
    assert_eq!(read(subject).map_err(|error| error.to_string()), Err(why.to_owned()), "{subject:?}");
}

#[test]
fn examples_of_rfc_4514() {
    let sorted = "CN=J.  Smith+OU=Sales,DC=example,DC=net";
    check("OU=Sales+CN=J.  Smith,DC=example,DC=net", sorted, "J.  Smith");
    let quoted = r#"CN=James \"Jim\" Smith\, III,DC=example,DC=net"#;
    check(quoted, quoted, r#"James "Jim" Smith, III"#);
    check(r"CN=Lu\C4\8Di\C4\87", "CN=Lučić", "Lučić");
    // An attribute that nobody knows is kept as it is, but does not name a voter.
    let opaque = "1.3.6.1.4.1.1466.0=#04024869";
    check(&format!("CN=a,{opaque}"), &format!("CN=a,{opaque}"), "a");
    refused(opaque, "the subject has no CN, exactly one is expected");
    refused("UID=jsmith,DC=example,DC=net", "the subject has no CN, exactly one is expected");
    // Fine for a directory, and not for what is printed on a line.
    let control = "byte 9: found the control character U+000D, expected none";
    refused(r"CN=Before\0dAfter,DC=example,DC=net", control);
}

/// `openssl x509 -subject -nameopt RFC2253`, then with `-esc_msb`, with spaces, and with OIDs.
#[test]
fn what_openssl_prints_of_one_certificate_is_one_identity() {
    let canonical = r#"CN=\ #node \"a\" \\,OU=a+OU=č,O=Sue\, Grabbit\; and \<Runn\>,C=DE"#;
    for printed in [
        r#"CN=\ #node \"a\" \\,OU=\C4\8D+OU=a,O=Sue\, Grabbit\; and \<Runn\>,C=DE"#,
        r#"CN=\ #node \"a\" \\,OU=č+OU=a,O=Sue\, Grabbit\; and \<Runn\>,C=DE"#,
        r#"CN = \ #node \"a\" \\, OU = \C4\8D + OU = a, O = Sue\, Grabbit\; and \<Runn\>, C = DE"#,
        r#"2.5.4.3=\ #node \"a\" \\,2.5.4.11=\C4\8D+2.5.4.11=a,2.5.4.10=Sue\, Grabbit\; and \<Runn\>,2.5.4.6=DE"#,
    ] {
        check(printed, canonical, r#" #node "a" \"#);
    }
}

#[test]
fn types_have_one_name() {
    for written in ["CN", "cn", "cN", "2.5.4.3", "commonName", "COMMONNAME"] {
        check(&format!("{written}=x"), "CN=x", "x");
    }
    let oids = "cn=x,2.5.4.7=l,2.5.4.8=st,2.5.4.10=o,2.5.4.11=ou,2.5.4.6=c,2.5.4.9=street";
    check(oids, "CN=x,L=l,ST=st,O=o,OU=ou,C=c,STREET=street", "x");
    let oids = "0.9.2342.19200300.100.1.25=dc,0.9.2342.19200300.100.1.1=uid,cn=x";
    check(oids, "DC=dc,UID=uid,CN=x", "x");
    let names = "cn=x,localityName=l,stateOrProvinceName=st,organizationName=o,organizationalUnitName=ou,\
                 countryName=c,streetAddress=street,domainComponent=dc,userId=uid";
    check(names, "CN=x,L=l,ST=st,O=o,OU=ou,C=c,STREET=street,DC=dc,UID=uid", "x");
    // Not of the table: upper case, and neither is the other.
    check("CN=x,serialNumber=7,2.5.4.5=7,x-1=y,0.0=z", "CN=x,SERIALNUMBER=7,2.5.4.5=7,X-1=y,0.0=z", "x");

    refused("CN=x,02.5=y", "byte 6: found '2', expected `=`");
    refused("CN=x,2.5.=y", "byte 9: found '=', expected a digit");
    refused("CN=x,oid.2.5.4.10=y", "byte 8: found '.', expected `=`");
    refused("CN=x,O;lang-de=y", "byte 6: found ';', expected `=`");
    refused("СN=x", "byte 0: found 'С', expected an attribute type"); // A Cyrillic letter.
    refused("C\u{200b}N=x", r"byte 1: found '\u{200b}', expected `=`");
}

#[test]
fn spaces_that_are_not_escaped_are_not_there() {
    check("  CN  =  node-a  ,  O  =  b  c  +  OU  =  d  ", "CN=node-a,O=b  c+OU=d", "node-a");
    check("CN=node-a ", "CN=node-a", "node-a");
    check(r"CN=\20a", r"CN=\ a", " a");
    check(r"CN=a\20 ,O=b", r"CN=a\ ,O=b", "a ");
    check(r"CN=a \  ", r"CN=a \ ", "a  ");
    check(r"CN=\ \ a\ \ \ ", r"CN=\  a  \ ", "  a   ");
    check(r"CN=a,O=\ ", r"CN=a,O=\ ", "a");
    check(r"CN=a,O=\20\20\20", r"CN=a,O=\  \ ", "a");
    check("CN=a,O= ", "CN=a,O=", "a");
    check("CN= #0c0161 , O=b", "CN=a,O=b", "a");
    refused("C N=a", "byte 2: found 'N', expected `=`");
    refused("\tCN=a", r"byte 0: found '\t', expected an attribute type");
    refused("CN=a,\n O=b", r"byte 5: found '\n', expected an attribute type");
}

#[test]
fn a_value_is_escaped_in_one_way() {
    let plain = r#" a,b+c"d\e<f>g;h=i#j "#;
    let canonical = r#"CN=\ a\,b\+c\"d\\e\<f\>g\;h=i#j\ "#;
    check(r#"CN=\ a\,b\+c\"d\\e\<f\>g\;h\=i\#j\ "#, canonical, plain);
    check(r"CN=\20a\2Cb\2bc\22d\5ce\3cf\3Eg\3bh\3di\23j\20", canonical, plain);
    check(r"CN=\61\2d\c3\A4\f0\9f\98\80", "CN=a-ä😀", "a-ä😀");
    check(r"CN=\#0c0161", r"CN=\#0c0161", "#0c0161");
    check(r"CN=a\,CN=b", r"CN=a\,CN=b", "a,CN=b");
    check(r"CN=a\2cCN\3db", r"CN=a\,CN=b", "a,CN=b");
    check(r"CN=a\+CN\=b", r"CN=a\+CN=b", "a+CN=b");
    check("CN=a=b==", "CN=a=b==", "a=b==");

    refused(r"CN=a\", r##"byte 5: found the end, expected one of ` "#+,;<=>\` or two hex digits"##);
    refused(r"CN=a\x", r##"byte 5: found 'x', expected one of ` "#+,;<=>\` or two hex digits"##);
    refused(r"CN=a\6", "byte 6: found the end, expected a second hex digit");
    refused(r"CN=a\6,O=b", "byte 6: found ',', expected a second hex digit");
    for special in ['"', '<', '>', ';'] {
        let why = format!("byte 4: found {special:?}, expected a `\\` in front of this character");
        refused(&format!("CN=a{special}b"), &why);
    }
}

#[test]
fn a_value_in_hex_is_its_text() {
    check("CN=#0c0161", "CN=a", "a");
    for string in ["0C03612c62", "1303612C62", "1603612c62", "1a03612c62", "1e060061002C0062"] {
        check(&format!("CN=#{string}"), r"CN=a\,b", "a,b");
    }
    check("CN=#1c08000000e40001f600", "CN=ä😀", "ä😀");
    check("CN=#120137", "CN=7", "7");
    check("CN=#0c0123", r"CN=\#", "#");
    check("CN=a,O=#0c00", "CN=a,O=", "a");
    let long = "a".repeat(128);
    check(&format!("CN=#0c8180{}", "61".repeat(128)), &format!("CN={long}"), &long);
    // No text, or one of unknown characters: kept, the digits in lower case.
    for opaque in ["040248FF", "1401e4", "30060C01610c0162", "2c030c0161", "0500", "0100"] {
        check(&format!("CN=a,O=#{opaque}"), &format!("CN=a,O=#{}", opaque.to_lowercase()), "a");
    }
    refused("CN=#04024869", "byte 3: the CN has ASN.1 type 0x04, a string of a part of Unicode is expected");
    refused("CN=#140161", "byte 3: the CN has ASN.1 type 0x14, a string of a part of Unicode is expected");

    refused("CN=#", "byte 4: found the end, expected two hex digits");
    refused("CN=#,O=b", "byte 4: found ',', expected two hex digits");
    refused("CN=#0", "byte 5: found the end, expected a second hex digit");
    refused("CN=#0c01616", "byte 11: found the end, expected a second hex digit");
    refused("CN=#0c0161g", "byte 10: found 'g', expected `,`, `+` or the end");
    refused("CN=#0c0161 62", "byte 11: found '6', expected `,`, `+` or the end");
    // Too little, too much, no length; a length of three bytes, none at all, and one byte more than it needs; a
    // tag that goes on.
    for der in
        ["0c0261", "0c016161", "0c", "0c8300000161", "0c80610000", "0c810161", "0c82000161", "1f0c0161"]
    {
        let have = der.len() / 2;
        let why = format!(
            "byte 3: found {have} bytes behind `#`, expected a tag below 31, a shortest length, and as many bytes"
        );
        refused(&format!("CN=#{der}"), &why);
    }
    // UTF-8 cut short, ASCII that is none, half a code point, a surrogate, and beyond the last one.
    for (der, tag) in [
        ("0c01c4", "0x0c"),
        ("1301e4", "0x13"),
        ("1602c3a4", "0x16"),
        ("1e03006100", "0x1e"),
        ("1e04d83dde00", "0x1e"),
        ("1c0400110000", "0x1c"),
    ] {
        let why = format!("byte 3: found a value of ASN.1 type {tag} that is no text, expected one");
        refused(&format!("CN=#{der}"), &why);
    }
}

#[test]
fn the_attributes_of_an_rdn_are_a_set_and_rdns_are_a_sequence() {
    check("OU=b+CN=x+OU=a+O=z,DC=2,DC=1", "CN=x+O=z+OU=a+OU=b,DC=2,DC=1", "x");
    check("DC=1,DC=2,O=z+CN=x", "DC=1,DC=2,CN=x+O=z", "x");
    assert_ne!(read("CN=x,DC=1,DC=2"), read("CN=x,DC=2,DC=1"));
    assert_ne!(read("CN=x,O=z"), read("CN=x+O=z"));
}

#[test]
fn values_compare_exactly() {
    for (one, other) in [
        ("CN=node-a", "CN=Node-A"),
        ("CN=node-a", r"CN=node-a\20"),
        ("CN=node-a", r"CN=\20node-a"),
        ("CN=node a", "CN=node  a"),
        ("CN=é", "CN=e\u{301}"),
        ("CN=node-a", "CN=node-a,O="),
        ("CN=node-a", "CN=nodе-a"), // The last e is Cyrillic.
    ] {
        assert!(read(one).is_ok() && read(other).is_ok(), "{one} {other}");
        assert_ne!(read(one), read(other));
    }
}

#[test]
fn there_is_one_cn_and_it_can_be_seen() {
    let two = "the subject has 2 CNs, exactly one is expected";
    for subject in ["CN=a,CN=b", "CN=a+CN=b", "CN=a,O=x,2.5.4.3=a", "cn=a+commonName=a", "CN=a,CN=#04024869"]
    {
        refused(subject, two);
    }
    refused("CN=,O=x+CN=", two);
    refused("O=CN,OU=CN\\=a", "the subject has no CN, exactly one is expected");
    let empty = |at: u32| format!("byte {at}: the CN is empty, at least one visible character is expected");
    for subject in ["CN=", "CN=,O=x", r"CN=\20", r"CN=\ \ ", "CN=#0c00", "CN=#1e020020"] {
        refused(subject, &empty(3));
    }
    refused("O=x,cn=", &empty(7));
    refused("CN=   ,O=x", &empty(6));
    for subject in ["", " ", "     "] {
        refused(subject, "the subject is empty, a name with one CN is expected");
    }
}

#[test]
fn what_is_no_name_is_refused_where_it_ends_to_be_one() {
    for (subject, why) in [
        ("node-a", "byte 6: found the end, expected `=`"),
        ("CN", "byte 2: found the end, expected `=`"),
        ("=a", "byte 0: found '=', expected an attribute type"),
        ("/CN=a", "byte 0: found '/', expected an attribute type"),
        (",CN=a", "byte 0: found ',', expected an attribute type"),
        ("CN=a,", "byte 5: found the end, expected an attribute type"),
        ("CN=a,,O=b", "byte 5: found ',', expected an attribute type"),
        ("CN=a+", "byte 5: found the end, expected an attribute type"),
        ("CN=ä+,O=b", "byte 6: found ',', expected an attribute type"),
    ] {
        refused(subject, why);
    }
}

#[test]
fn what_cannot_be_seen_is_refused_however_it_is_written() {
    for code in [0_u32, 1, 0x0a, 0x1f, 0x7f, 0x85, 0x9f] {
        let why = format!("byte 4: found the control character U+{code:04X}, expected none");
        for subject in spellings(code) {
            refused(&subject, &why);
        }
        refused(&format!("CN=#1c0800000061{code:08x}"), &why.replace("byte 4", "byte 3"));
    }
    let marks = [0xad, 0x61c, 0x200b, 0x200d, 0x202e, 0x2066, 0x2069, 0xfe0f, 0xfeff, 0xfffd, 0xe0061];
    let blanks = [0xa0, 0x2003, 0x2028, 0x2800, 0x3000, 0x3164];
    for code in marks.into_iter().chain(blanks) {
        let why = format!("byte 4: found U+{code:04X}, expected characters that can be seen");
        for subject in spellings(code) {
            refused(&subject, &why);
        }
        refused(&format!("CN=#1c0800000061{code:08x}"), &why.replace("byte 4", "byte 3"));
    }
    refused(r"CN=good\00.evil", "byte 7: found the control character U+0000, expected none");
    refused("CN=a,O=b\u{202e}c", "byte 8: found U+202E, expected characters that can be seen");
    check("CN=ä-中-ש-ع-😀", "CN=ä-中-ש-ع-😀", "ä-中-ש-ع-😀");
}

/// `CN=a` with this code point behind it, as it is and in hex pairs.
fn spellings(code: u32) -> [String; 2] {
    let text = char::from_u32(code).expect("a code point").to_string();
    let hex: String = text.bytes().map(|byte| format!("\\{byte:02X}")).collect();
    [format!("CN=a{text}b"), format!("CN=a{hex}b")]
}

#[test]
fn what_is_not_utf_8_is_refused_where_it_is_written() {
    refused(r"CN=a\ff", "byte 4: found 0xff, expected UTF-8");
    refused(r"CN=Lu\C4x", "byte 5: found 0xc4, expected UTF-8");
    refused(r"CN=Lu\C4,O=x", "byte 5: found 0xc4, expected UTF-8");
    refused(r"CN=ä\c0\80", "byte 5: found 0xc0, expected UTF-8"); // An overlong NUL.
    refused(r"CN=\ed\a0\80", "byte 3: found 0xed, expected UTF-8"); // A surrogate.
    let bytes = |subject: &[u8]| ClusterVoterIdentity::from_certificate_subject_bytes(subject);
    assert_eq!(bytes(b"CN=a\xff"), Err(IdentityError::NotUtf8 { at: 4, byte: 0xff }));
    assert_eq!(bytes(b"CN=\xc4"), Err(IdentityError::NotUtf8 { at: 3, byte: 0xc4 }));
    assert_eq!(bytes(b"\xfe\xffCN=a"), Err(IdentityError::NotUtf8 { at: 0, byte: 0xfe }));
    assert_eq!(bytes(b""), Err(IdentityError::Empty));
}

#[test]
fn the_bounds_are_inclusive() {
    let long = "a".repeat(253);
    check(&format!("CN={long}"), &format!("CN={long}"), &long);
    refused(&format!("CN={long}a"), "the canonical subject has 257 bytes, at most 256 are allowed");
    // It is the canonical form that counts.
    check(&format!("CN={}", r"\61".repeat(253)), &format!("CN={long}"), &long);
    refused(
        &format!("CN={}", r"\,".repeat(127)),
        "the canonical subject has 257 bytes, at most 256 are allowed",
    );
    let rdns = "DC=a,".repeat(15);
    check(&format!("{rdns}CN=x"), &format!("{rdns}CN=x"), "x");
    refused(&format!("DC=a,{rdns}CN=x"), "the subject has 17 RDNs, at most 16 are allowed");
    check(&format!("CN=x{}", " ".repeat(2044)), "CN=x", "x");
    let written = "the subject is written in 2049 bytes, at most 2048 are read";
    refused(&format!("CN=x{}", " ".repeat(2045)), written);
    refused(&" ".repeat(2049), written);
    let bytes = ClusterVoterIdentity::from_certificate_subject_bytes(&[0xff; 2049]);
    assert_eq!(bytes.map_err(|error| error.to_string()), Err(written.to_owned()));
}

#[test]
fn the_longest_spelling_of_the_longest_name_is_read() {
    let long = "a".repeat(250);
    check(&format!("2.5.4.3=#1c8203e8{}", "00000061".repeat(250)), &format!("CN={long}"), &long);
}
