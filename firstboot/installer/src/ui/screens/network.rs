//! Host name and address.

use std::net::IpAddr;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use super::intro::intro;
use crate::answers::{Address, Link, LinkKind, Network};
use crate::draft::Draft;
use crate::ui::fields::{Field, Fields, Kind, Reply};
use crate::ui::look::Look;
use crate::ui::screen::{Screen, Turn, check};

const HOSTNAME: &str = "network.hostname";
const HOW: &str = "network.address";
const LINK: &str = "network.link.kind";
const MEMBERS: &str = "network.link.interfaces";
const NUMBER: &str = "network.link.id";
const INTERFACE: &str = "network.address.interface";
const ADDRESS: &str = "network.address.address";
const GATEWAY: &str = "network.address.gateway";
const DNS: &str = "network.address.dns";

/// The links that can be chosen.
const LINKS: [(LinkKind, &str); 3] = [
    (LinkKind::Bond, "bond: one interface stands in for another"),
    (LinkKind::Bridge, "bridge: a switch for virtual machines"),
    (LinkKind::Vlan, "VLAN: a numbered part of the network"),
];

/// Host name and address.
#[derive(Debug)]
pub(crate) struct NetworkScreen {
    fields: Fields,
}

impl NetworkScreen {
    pub(crate) fn new(draft: &Draft) -> Self {
        let mut screen = Self {
            fields: Fields::new(vec![
                Field::text(HOSTNAME, "Host name", &draft.answers.network.hostname)
                    .hint("Its name on the network: letters, digits and hyphens."),
                Field::choice(
                    HOW,
                    "Address",
                    &[
                        "From the network (DHCP, IPv6)",
                        "Fixed",
                        "Of a bond, bridge or VLAN",
                    ],
                ),
                Field::cycle(LINK, "Kind", LINKS.map(|(_, text)| text.to_owned()).to_vec())
                    .hint("Left and Right change it."),
                Field::text(MEMBERS, "Interfaces", "").hint(&members(draft)),
                Field::text(NUMBER, "VLAN number", "").hint("From 1 to 4094."),
                Field::cycle(INTERFACE, "Interface", draft.machine.interfaces.clone())
                    .hint("Left and Right change it."),
                Field::text(ADDRESS, "Address/prefix", "").hint("Such as 192.0.2.10/24."),
                Field::text(GATEWAY, "Router", "").hint("May be empty."),
                Field::text(DNS, "Name servers", "").hint("Separated by spaces; may be empty."),
            ]),
        };
        screen.adapt();
        screen
    }

    fn linked(&self) -> bool {
        self.fields.chosen(HOW) == 2
    }

    fn kind(&self) -> LinkKind {
        LINKS
            .get(self.fields.chosen(LINK))
            .map_or(LinkKind::Bond, |(kind, _)| *kind)
    }

    fn adapt(&mut self) {
        let linked = self.linked();
        let asked = linked || self.fields.chosen(HOW) == 1;
        for key in [LINK, MEMBERS] {
            self.fields.show(key, linked);
        }
        self.fields.show(NUMBER, linked && self.kind() == LinkKind::Vlan);
        self.fields.show(INTERFACE, asked && !linked);
        for key in [ADDRESS, GATEWAY, DNS] {
            self.fields.show(key, asked);
        }
        let hint = if linked {
            "Such as 192.0.2.10/24; empty: from the network."
        } else {
            "Such as 192.0.2.10/24."
        };
        self.fields
            .change(ADDRESS, |field| hint.clone_into(&mut field.hint));
    }

    /// The bond, bridge or VLAN, or a mark on the number that is none.
    fn link(&mut self) -> Link {
        let kind = self.kind();
        let number = self.fields.text(NUMBER);
        let number = number.trim();
        let id = match (kind, number.parse()) {
            (LinkKind::Vlan, Ok(id)) => Some(id),
            (LinkKind::Vlan, Err(_)) if !number.is_empty() => {
                self.fields.problem(NUMBER, &format!("'{number}' is no number."));
                None
            }
            _ => None,
        };
        Link {
            kind,
            interfaces: words(&self.fields.text(MEMBERS)),
            mode: None,
            id,
        }
    }

    /// The address of this interface, or marks on the fields that hold no address.
    fn address(&mut self, interface: String) -> Address {
        let gateway = self.fields.text(GATEWAY);
        let gateway = match gateway.trim() {
            "" => None,
            text => match text.parse::<IpAddr>() {
                Ok(address) => Some(address),
                Err(_) => {
                    self.fields.problem(GATEWAY, &format!("'{text}' is no address."));
                    None
                }
            },
        };
        let mut dns = Vec::new();
        for text in words(&self.fields.text(DNS)) {
            match text.parse::<IpAddr>() {
                Ok(address) => dns.push(address),
                Err(_) => self.fields.problem(DNS, &format!("'{text}' is no address.")),
            }
        }
        Address {
            interface,
            address: self.fields.text(ADDRESS).trim().to_owned(),
            gateway,
            dns,
        }
    }

    /// The link and the address that are asked for.
    fn asked(&mut self, draft: &Draft) -> (Option<Link>, Option<Address>) {
        if self.linked() {
            let link = self.link();
            let fields = [ADDRESS, GATEWAY, DNS];
            let empty = fields.iter().all(|key| self.fields.text(key).trim().is_empty());
            let address = (!empty).then(|| self.address(link.name()));
            return (Some(link), address);
        }
        if self.fields.chosen(HOW) == 0 {
            return (None, None);
        }
        let interfaces = &draft.machine.interfaces;
        let interface = interfaces.get(self.fields.chosen(INTERFACE)).cloned();
        (None, Some(self.address(interface.unwrap_or_default())))
    }

    fn leave(&mut self, draft: &mut Draft) -> Turn {
        self.fields.clear_problems();
        let (link, address) = self.asked(draft);
        draft.answers.network = Network {
            hostname: self.fields.text(HOSTNAME).trim().to_owned(),
            link,
            address,
        };
        if check(&mut self.fields, draft) {
            Turn::Next
        } else {
            Turn::Stay
        }
    }
}

/// What to know about the interfaces of a link.
fn members(draft: &Draft) -> String {
    format!(
        "Separated by spaces; there are: {}",
        draft.machine.interfaces.join(" ")
    )
}

fn words(text: &str) -> Vec<String> {
    let words = text.split([' ', ',', ';']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

impl Screen for NetworkScreen {
    fn title(&self) -> &'static str {
        "Host name and network"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        self.fields.help()
    }

    fn help(&self) -> &'static str {
        "With an address from the network, every interface is tried; most routers assign one by DHCP. A fixed address \
         belongs to one interface; it is written with its prefix length, where /24 stands for 255.255.255.0. Beside a \
         fixed IPv4 address IPv6 is still configured by the network, and the other way round. A bond, bridge or VLAN is \
         made of interfaces, and has the address instead of them; a VLAN of several is on a bond of them. All of it can \
         be changed later."
    }

    fn enter(&mut self, draft: &mut Draft) {
        let interfaces = draft.machine.interfaces.clone();
        self.fields.change(INTERFACE, |field| {
            if let Kind::Cycle { options, chosen } = &mut field.kind {
                *chosen = (*chosen).min(interfaces.len().saturating_sub(1));
                *options = interfaces;
            }
        });
        let hint = members(draft);
        self.fields.change(MEMBERS, |field| field.hint = hint);
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        let reply = self.fields.handle(key);
        self.adapt();
        match reply {
            Reply::Used => Turn::Stay,
            Reply::Unused => Turn::Unused,
            Reply::Complete => self.leave(draft),
        }
    }

    fn draw(&self, frame: &mut Frame, area: Rect, _: &Draft, look: Look) {
        let below = intro(frame, area, "How is this machine found on the network?");
        self.fields.draw(frame, below, look);
    }
}
