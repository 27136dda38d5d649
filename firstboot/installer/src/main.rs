//! t
use std::sync::Arc;
use sigmavault_installer::demo::*; use sigmavault_installer::ui::*;
fn main() {
    let s: Scenario = std::env::args().nth(2).unwrap_or("empty".into()).parse().unwrap();
    let mut app = App::new(s.machine(), Look::of_environment());
    let sur = terminal::Surroundings { execute: Arc::new(Demo::new(s, 10.0)), machine: &|| Some(s.machine()), keyboard: &|_| {}, shell: &|| {}, log: &|_| {} };
    println!("{:?}", terminal::run(&mut app, &sur));
}
