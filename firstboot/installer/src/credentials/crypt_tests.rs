use super::*;

/// Made by libxcrypt's crypt(3).
const GOOD: [(&str, Method); 13] = [
    (
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
        Method::Yescrypt,
    ),
    (
        "$y$j75$ZHDZsZyaBMIWHg1vBe4yC0$HqwdxjlcqoODU2lPH5IprFAnXfzwvjCemjH5VWboHA2",
        Method::Yescrypt,
    ),
    (
        "$y$j75.5$F5Jx5fExrKuPp53xLKQ..1$XXk9vSufN7/eo.OIenqwsho3HmT1t64Emi58yxB9gv2",
        Method::Yescrypt,
    ),
    (
        "$gy$j75$NvcpESE68EhiWOr9sw7sY/$5tD/GD5BfVracuKa/8SVtV2P/UVLGqQQG2Sjiu3pCn4",
        Method::GostYescrypt,
    ),
    (
        "$7$BU..../....lZC7u1KpBge13VgrY.Z7B1$XDVQ.dB8rwVlAIgqx45reFknS4vwayzF48voVZm6tYA",
        Method::Scrypt,
    ),
    (
        "$2b$04$nHCwAySK2oFTMhdd2BnV4u7JUKzKeZW.5GK0q47Ru7Yr2j6VHyVrK",
        Method::Bcrypt,
    ),
    (
        "$2y$04$XwKBu3tTLYYQUj5ggPKqbOzlk91hbrWWQO2VG7is9T8MLqCYbEXk2",
        Method::Bcrypt,
    ),
    (
        "$2a$04$e5cRQBkEdZeEmsb0SVLQTO9gJpgZ1XF3rgMQ1GV2RAq9mKMkfoAzu",
        Method::Bcrypt,
    ),
    (
        "$6$rounds=1000$TLACeBHWaBH0WuFM$EoDWmfu1spVKRleUD2v3w6ND7C.baEge6FMt32761Ym1xblxe.9aGJ3fx26UvMDkShiAa9lMjUziYephhERoc.",
        Method::Sha512,
    ),
    (
        "$6$ab.c_d-e$3dVrbBUh9xRt8/WnsglBL8NInNuOmLi4YSqrKOUHTJRKuiAqXBqf0Ae9FrXZnKKGQWnP90oK6Vv1802DqdQ9G1",
        Method::Sha512,
    ),
    (
        "$6$a=b$HoyehlfdJrT4tGeTg34g4kf3AI6aN1DXobv5QakJzJWFe8L3.STdT7XN8PLQSEnAq62okqeU6UxpqdRYUhQrS.",
        Method::Sha512,
    ),
    (
        "$5$rounds=1000$KCbOty8pTrp8FEoP$VhVWF7fcEXLG49.tERTRzjII2wLFF3ZaO0DlEo9h9D2",
        Method::Sha256,
    ),
    (
        "$5$rounds=5000$usesomesillystri$KqJWpanXZHKq2BOB43TSaYhEWsQ1Lr5QNyPCDH/Tp.6",
        Method::Sha256,
    ),
];

#[test]
fn hashes_that_crypt_gives() {
    for (hash, method) in GOOD {
        assert_eq!(check(hash), Ok(method), "{hash}");
    }
}

#[test]
fn a_hash_that_lost_or_won_a_letter_is_none() {
    for (hash, method) in GOOD {
        let shorter = &hash[..hash.len() - 1];
        assert!(
            matches!(check(shorter), Err(HashError::Length { method: at, .. }) if at == method),
            "{shorter}"
        );
        assert!(check(&format!("{hash}.")).is_err(), "{hash}.");
        assert!(check(&format!("{hash}\n")).is_err(), "{hash} and a line end");
        assert!(check(&format!(" {hash}")).is_err(), "a space and {hash}");
    }
}

const SUM_43: &str = "X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7";
const SUM_86: &str = "k5ka2p8bFuSmoVT1tzOyyuaREkkKBcCNqoDKzYiJL9RaE8yMnPgh2XzzF0NDrUhgrcLwg78xs1w5pJiypEdFX/";
const SUM_31: &str = "7JUKzKeZW.5GK0q47Ru7Yr2j6VHyVrK";

// crypt(3) answers each of these settings with `*0`, or with another text than they begin with.

#[test]
fn yescrypt_and_scrypt_that_crypt_never_gives() {
    let parameters = Err(HashError::Parameters(Method::Yescrypt));
    // A flavour that libxcrypt has not, a cost that is missing or too low, masks for a ROM, letters left over, nothing.
    for settings in ["k75", "j7", "j.5", "j751.", "j75..5", ""] {
        assert_eq!(
            check(&format!("$y${settings}$abcd${SUM_43}")),
            parameters,
            "{settings}"
        );
    }
    let salt = Err(HashError::Salt(Method::Yescrypt));
    // Salts that are no whole bytes, none, and one that is too long.
    for salt_of in ["a", "abc", "", &"a".repeat(87)] {
        assert_eq!(check(&format!("$y$j9T${salt_of}${SUM_43}")), salt, "{salt_of}");
    }
    let scrypt = Err(HashError::Parameters(Method::Scrypt));
    for settings in [".5..../....abc", "0......./....abc", "C6..../"] {
        assert_eq!(check(&format!("$7${settings}${SUM_43}")), scrypt, "{settings}");
    }
}

#[test]
fn bcrypt_that_crypt_never_gives() {
    for cost in ["03", "4", "32", "0x"] {
        assert_eq!(
            check(&format!("$2b${cost}$abcdefghijklmnopqrstuu{SUM_31}")),
            Err(HashError::Parameters(Method::Bcrypt)),
            "{cost}"
        );
    }
    // crypt(3) writes the last letter of this salt as 'u'.
    assert_eq!(
        check(&format!("$2b$04$abcdefghijklmnopqrstuv{SUM_31}")),
        Err(HashError::Salt(Method::Bcrypt))
    );
    assert_eq!(
        check(&format!("$2b$04$abcdefghijklmnopqrstuu{}L", &SUM_31[..30])),
        Err(HashError::Sum(Method::Bcrypt))
    );
}

#[test]
fn sha_that_crypt_never_gives() {
    for rounds in ["999", "01000", "1000000000", "+1000", ""] {
        assert_eq!(
            check(&format!("$6$rounds={rounds}$abc${SUM_86}")),
            Err(HashError::Parameters(Method::Sha512)),
            "{rounds}"
        );
    }
    for salt in ["abcdefghijklmnopq", "a b", "", "a:b"] {
        assert_eq!(
            check(&format!("$6${salt}${SUM_86}")),
            Err(HashError::Salt(Method::Sha512)),
            "{salt}"
        );
    }
    assert_eq!(check("$6$"), Err(HashError::Salt(Method::Sha512)));
    for sum in [format!("{}z", &SUM_86[..85]), format!("{}-/", &SUM_86[..84])] {
        assert_eq!(
            check(&format!("$6$abc${sum}")),
            Err(HashError::Sum(Method::Sha512)),
            "{sum}"
        );
    }
    assert_eq!(
        check(&format!("$5$abc${}E", &SUM_43[..42])),
        Err(HashError::Sum(Method::Sha256))
    );
    assert_eq!(
        check("$6$salt$tooshort").unwrap_err().to_string(),
        "is no sha512crypt hash: its last part has 8 characters, not 86; copy all of it"
    );
}

#[test]
fn what_is_no_hash_at_all() {
    for (hash, expected) in [
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", HashError::Weak),
        ("ab1234567890.", HashError::Weak),
        ("!$6$abc$x", HashError::Locked),
        ("*", HashError::Locked),
        ("secret", HashError::Unknown),
        ("", HashError::Unknown),
    ] {
        assert_eq!(check(hash), Err(expected), "{hash}");
    }
}
