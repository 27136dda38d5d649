use proptest::prelude::*;

use super::*;

const TEXT: &str = "\
# check the disks
$ lsblk --json /dev/sda
> {
>   \"blockdevices\": []
> }
$ chroot /t chpasswd
< <secret>
$ bootctl install
! Failed to write a variable
= exit 1
$ sleep 9
= signal 15
$ nowhere
= not started: No such file or directory (os error 2)
";

#[test]
fn written_as_read() {
    let transcript: Transcript = TEXT.parse().unwrap();
    assert_eq!(transcript.to_string(), TEXT);
    let lines: Vec<&str> = transcript.calls().map(|call| call.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "lsblk --json /dev/sda",
            "chroot /t chpasswd",
            "bootctl install",
            "sleep 9",
            "nowhere"
        ]
    );
    assert_eq!(
        transcript.without_output().to_string(),
        "# check the disks\n$ lsblk --json /dev/sda\n$ chroot /t chpasswd\n< <secret>\n$ bootctl install\n= exit 1\n\
         $ sleep 9\n= signal 15\n$ nowhere\n= not started: No such file or directory (os error 2)\n"
    );
}

#[test]
fn other_text_is_refused() {
    for (text, line) in [
        ("lsblk", 1),
        ("> early", 1),
        ("$ a\n\n$ b", 2),
        ("$ a\n= well", 2),
        ("$ a\n= exit 1000", 2),
        ("# note\n< input", 2),
        ("$ a\n= not started: x\n> late", 3),
    ] {
        assert_eq!(text.parse::<Transcript>().unwrap_err().line, line, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "([#$<>!=] ?[ -~]{0,12}\n?|\\PC){0,12}") {
        if let Ok(transcript) = text.parse::<Transcript>() {
            prop_assert_eq!(transcript.to_string().parse::<Transcript>(), Ok(transcript));
        }
    }
}
