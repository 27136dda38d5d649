//! Host name and address.

use std::net::IpAddr;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use super::intro::intro;
use crate::answers::{Address, Network};
use crate::draft::Draft;
use crate::ui::fields::{Field, Fields, Kind, Reply};
use crate::ui::look::Look;
use crate::ui::screen::{Screen, Turn, check};

const HOSTNAME: &str = "network.hostname";
const HOW: &str = "network.address";
const INTERFACE: &str = "network.address.interface";
const ADDRESS: &str = "network.address.address";
const GATEWAY: &str = "network.address.gateway";
const DNS: &str = "network.address.dns";

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
                Field::choice(HOW, "Address", &["From the network (DHCP, IPv6)", "Fixed"]),
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

    fn fixed(&self) -> bool {
        self.fields.chosen(HOW) == 1
    }

    fn adapt(&mut self) {
        let fixed = self.fixed();
        for key in [INTERFACE, ADDRESS, GATEWAY, DNS] {
            self.fields.show(key, fixed);
        }
    }

    /// The address, or marks on the fields that hold no address.
    fn address(&mut self, draft: &Draft) -> Address {
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
        for text in self
            .fields
            .text(DNS)
            .split([' ', ',', ';'])
            .filter(|text| !text.is_empty())
        {
            match text.parse::<IpAddr>() {
                Ok(address) => dns.push(address),
                Err(_) => self.fields.problem(DNS, &format!("'{text}' is no address.")),
            }
        }
        let interface = draft
            .machine
            .interfaces
            .get(self.fields.chosen(INTERFACE))
            .cloned();
        Address {
            interface: interface.unwrap_or_default(),
            address: self.fields.text(ADDRESS).trim().to_owned(),
            gateway,
            dns,
        }
    }

    fn leave(&mut self, draft: &mut Draft) -> Turn {
        self.fields.clear_problems();
        let address = self.fixed().then(|| self.address(draft));
        draft.answers.network = Network {
            hostname: self.fields.text(HOSTNAME).trim().to_owned(),
            address,
        };
        if check(&mut self.fields, draft) {
            Turn::Next
        } else {
            Turn::Stay
        }
    }
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
         belongs to one interface; it is written with its prefix length, where /24 stands for 255.255.255.0. All of \
         it can be changed later."
    }

    fn enter(&mut self, draft: &mut Draft) {
        let interfaces = draft.machine.interfaces.clone();
        self.fields.change(INTERFACE, |field| {
            if let Kind::Cycle { options, chosen } = &mut field.kind {
                *chosen = (*chosen).min(interfaces.len().saturating_sub(1));
                *options = interfaces;
            }
        });
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
