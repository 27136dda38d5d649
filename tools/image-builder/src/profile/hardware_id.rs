//! Names of devices, as `hardware.ids` lists them: what a kernel calls a device (its modalias), or a short form of it.

use serde::{Deserialize, Serialize};

use super::glob;

/// What is allowed, for messages.
pub const ALLOWED: &str = "`pci:VENDOR:DEVICE` or `usb:VENDOR:PRODUCT` of four hexadecimal digits each, with `:` and six digits of class \
     behind where the driver asks for it (and then `*` for any vendor or device), `acpi:ID`, `of:COMPATIBLE`, or a device's \
     whole modalias";

/// Stands for what a short form leaves open. No modalias has it, so that only `*` of a driver's alias takes it.
const OPEN: &str = "-";

/// A device, or every device of a class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HardwareId {
    text: String,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// `None` is any, and an open class; digits are as in a modalias.
    Pci {
        vendor: Option<String>,
        device: Option<String>,
        class: Option<[String; 3]>,
    },
    Usb {
        vendor: Option<String>,
        product: Option<String>,
        interface: Option<[String; 3]>,
    },
    Acpi(String),
    DeviceTree(String),
    Whole,
}

impl HardwareId {
    /// Reads one; `None` when it is none of the forms in [`ALLOWED`].
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_graphic() && !"*?[]\"'".contains(c);
        let (bus, rest) = text.split_once(':')?;
        let form = match bus {
            "pci" if !rest.starts_with('v') => {
                let (vendor, device, class) = numbers(rest, 8)?;
                Form::Pci {
                    vendor,
                    device,
                    class,
                }
            }
            "usb" if !rest.starts_with('v') => {
                let (vendor, product, interface) = numbers(rest, 4)?;
                Form::Usb {
                    vendor,
                    product,
                    interface,
                }
            }
            "acpi" if is_word(rest) => Form::Acpi(rest.to_owned()),
            "of" if !rest.starts_with('N') && !rest.is_empty() && rest.chars().all(plain) => {
                Form::DeviceTree(rest.to_owned())
            }
            bus if !bus.is_empty() && !rest.is_empty() => {
                let good = bus.chars().all(|c| c.is_ascii_lowercase() || "-_".contains(c));
                if !good || !rest.chars().all(plain) {
                    return None;
                }
                Form::Whole
            }
            _ => return None,
        };
        Some(Self {
            text: text.to_owned(),
            form,
        })
    }

    /// As the profile has it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The modalias that a driver's alias is compared with. What is left open matches `*` alone: a driver that asks for more
    /// than the id says does not claim it.
    pub fn modalias(&self) -> String {
        match &self.form {
            Form::Acpi(id) => format!("acpi:{id}:"),
            Form::DeviceTree(compatible) => format!("of:N{OPEN}T{OPEN}C{compatible}"),
            _ => self.with(OPEN),
        }
    }

    /// Whether a device of a machine, by its modalias, is this one.
    pub fn is(&self, modalias: &str) -> bool {
        match &self.form {
            Form::Acpi(id) => glob::matches(&format!("acpi*:{id}:*"), modalias),
            Form::DeviceTree(compatible) => {
                let last = format!("of:N*T*C{compatible}");
                glob::matches(&last, modalias) || glob::matches(&format!("{last}C*"), modalias)
            }
            Form::Whole => self.text == modalias,
            Form::Pci { .. } | Form::Usb { .. } => glob::matches(&self.with("*"), modalias),
        }
    }

    /// The modalias of PCI (`pci_uevent` of Linux) or of a USB interface, with `open` for what is not given.
    fn with(&self, open: &str) -> String {
        let or_open = |part: &Option<String>| part.clone().unwrap_or_else(|| open.to_owned());
        let bytes =
            |class: &Option<[String; 3]>| class.clone().unwrap_or_else(|| [open; 3].map(str::to_owned));
        match &self.form {
            Form::Pci {
                vendor,
                device,
                class,
            } => {
                let [base, sub, interface] = bytes(class);
                format!(
                    "pci:v{}d{}sv{open}sd{open}bc{base}sc{sub}i{interface}",
                    or_open(vendor),
                    or_open(device)
                )
            }
            Form::Usb {
                vendor,
                product,
                interface,
            } => {
                let [base, sub, protocol] = bytes(interface);
                format!(
                    "usb:v{}p{}d{open}dc{open}dsc{open}dp{open}ic{base}isc{sub}ip{protocol}in{open}",
                    or_open(vendor),
                    or_open(product)
                )
            }
            Form::Acpi(_) | Form::DeviceTree(_) | Form::Whole => self.text.clone(),
        }
    }
}

/// Vendor and device as `width` digits, and the class in its three bytes.
type Numbers = (Option<String>, Option<String>, Option<[String; 3]>);

/// `VENDOR:DEVICE` or `VENDOR:DEVICE:CLASS`; only a class may stand behind `*`.
fn numbers(text: &str, width: usize) -> Option<Numbers> {
    let mut parts = text.split(':');
    let (vendor, device, class) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() || (class.is_none() && (vendor == "*" || device == "*")) {
        return None;
    }
    let number = |part: &str| match part {
        "*" => Some(None),
        digits if is_hex(digits, 4) => Some(Some(format!("{:0>width$}", digits.to_ascii_uppercase()))),
        _ => None,
    };
    let class = match class {
        None => None,
        Some(digits) if is_hex(digits, 6) => {
            let digits = digits.to_ascii_uppercase();
            Some([0, 2, 4].map(|at| digits[at..at + 2].to_owned()))
        }
        Some(_) => return None,
    };
    Some((number(vendor)?, number(device)?, class))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

impl TryFrom<String> for HardwareId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no device: use {ALLOWED}"))
    }
}

impl From<HardwareId> for String {
    fn from(id: HardwareId) -> Self {
        id.text
    }
}

impl std::fmt::Display for HardwareId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_as_the_kernel_writes_them() {
        for (text, expected) in [
            ("pci:8086:1533", "pci:v00008086d00001533sv-sd-bc-sc-i-"),
            ("pci:8086:46d1:030000", "pci:v00008086d000046D1sv-sd-bc03sc00i00"),
            ("pci:*:*:010802", "pci:v-d-sv-sd-bc01sc08i02"),
            ("usb:0bda:8153", "usb:v0BDAp8153d-dc-dsc-dp-ic-isc-ip-in-"),
            ("usb:*:*:080662", "usb:v-p-d-dc-dsc-dp-ic08isc06ip62in-"),
            ("acpi:PNP0501", "acpi:PNP0501:"),
            ("of:brcm,bcm2711", "of:N-T-Cbrcm,bcm2711"),
            ("virtio:d00000002v00001AF4", "virtio:d00000002v00001AF4"),
            (
                "pci:v00008086d00001533sv00000000sd00000000bc02sc00i00",
                "pci:v00008086d00001533sv00000000sd00000000bc02sc00i00",
            ),
            ("of:NcpuT(null)Carm,cortex-a72", "of:NcpuT(null)Carm,cortex-a72"),
        ] {
            assert_eq!(
                HardwareId::parse(text).map(|id| id.modalias()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for text in [
            "",
            "pci",
            "pci:",
            "pci:8086",
            "pci:8086:153",
            "pci:8086:1533:",
            "pci:8086:1533:0200",
            "pci:8086:1533:020000:1",
            "pci:8086:*",
            "pci:g086:1533",
            "usb:0bda",
            "acpi:",
            "acpi:PNP*",
            "of:",
            "of:a b",
            "virtio:d*",
            "Virtio:d1",
            "8086:1533",
            ":x",
        ] {
            assert_eq!(HardwareId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_machines_devices_are_recognised() {
        const IGB: &str = "pci:v00008086d00001533sv00001043sd000085F0bc02sc00i00";
        for (id, modalias, expected) in [
            ("pci:8086:1533", IGB, true),
            ("pci:8086:1533:020000", IGB, true),
            ("pci:8086:1533:010000", IGB, false),
            ("pci:*:*:020000", IGB, true),
            ("pci:8086:1521", IGB, false),
            (IGB, IGB, true),
            (
                "usb:0bda:8153",
                "usb:v0BDAp8153d3000dc00dsc00dp00icFFiscFFip00in00",
                true,
            ),
            ("acpi:IPI0001", "acpi:IPI0001:", true),
            ("acpi:PNP0501", "acpi:ABC0001:PNP0501:", true),
            ("acpi:PNP0501", "acpi:PNP05011:", false),
            (
                "of:brcm,bcm2711",
                "of:NpcieT(null)Cbrcm,bcm2711Cbrcm,bcm2835",
                true,
            ),
            ("of:brcm,bcm2711", "of:NpcieT(null)Cbrcm,bcm2711-pcie", false),
            (
                "of:brcm,bcm2835",
                "of:NpcieT(null)Cbrcm,bcm2711Cbrcm,bcm2835",
                true,
            ),
        ] {
            assert_eq!(
                HardwareId::parse(id).unwrap().is(modalias),
                expected,
                "{id} {modalias}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(pci|usb|of|acpi|x)?:?[0-9a-fA-F:*vä]{0,24}") {
            if let Some(id) = HardwareId::parse(&text) {
                proptest::prop_assert_eq!(id.as_str(), text.as_str());
                id.is(&id.modalias());
            }
        }
    }
}
