mod screen;
use crossterm::event::KeyCode;
use screen::*;
use sigmavault_installer::demo::Scenario;

#[test]
fn dump() {
    let mut s = Screen::new(Scenario::Empty, RICH);
    println!("{}", s.text());
    s.enter();
    println!("{}", s.text());
    s.enter();
    println!("{}", s.text());
    s.enter();
    println!("{}", s.text());
    s.press(KeyCode::End);
    println!("{}", s.text());
    s.press(KeyCode::Home);
    s.enter();
    println!("{}", s.text());
    s.press(KeyCode::Down);
    println!("{}", s.text());
    s.enter()
        .write("hunter2 aaaa")
        .enter()
        .write("x")
        .enter()
        .enter()
        .enter();
    println!("{}", s.text());
    s.control('u').write("hunter2 aaaa").enter().enter().enter();
    println!("{}", s.text());
    s.press(KeyCode::Down);
    println!("{}", s.text());
    s.enter().enter().press(KeyCode::End).press(KeyCode::Char(' '));
    println!("{}", s.text());
    s.press(KeyCode::Char('y'));
    println!("{}", s.text());
    s.enter().press(KeyCode::Right);
    println!("{}", s.text());
    s.enter();
    println!("{}", s.text());
    s.enter().press(KeyCode::Down);
    println!("{}", s.text());
    s.enter()
        .enter()
        .write("10.0.0.1")
        .enter()
        .write("r")
        .enter()
        .enter();
    println!("{}", s.text());
    s.press(KeyCode::BackTab)
        .press(KeyCode::BackTab)
        .press(KeyCode::BackTab)
        .press(KeyCode::Up)
        .enter();
    println!("{}", s.text());
    s.write("Ada")
        .enter()
        .enter()
        .write("corr")
        .enter()
        .enter()
        .enter();
    println!("{}", s.text());
    s.control('u')
        .write("ada")
        .enter()
        .enter()
        .control('u')
        .write("correct horse")
        .enter()
        .write("correct horse")
        .enter()
        .enter();
    println!("{}", s.text());
    s.press(KeyCode::PageDown);
    println!("{}", s.text());
    s.write("nonse").enter();
    println!("{}", s.text());
    s.control('u').write("S5GXNX0R401382F").enter();
    println!("{}", s.text());
    s.run();
    println!("{}", s.text());
    s.enter();
    println!("{}", s.text());
    s.press(KeyCode::Char('y'));
    println!("{}", s.text());
    s.press(KeyCode::F(1));
    println!("{}", s.text());
}
