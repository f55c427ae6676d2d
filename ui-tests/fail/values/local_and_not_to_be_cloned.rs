use std::rc::Rc;

pub struct Handle {
    id: u32,
}

#[larder::cached(local)]
fn open(id: u32) -> Handle {
    Handle { id }
}

#[larder::cached(local)]
async fn reopen(id: u32) -> Option<Handle> {
    Some(Handle { id })
}

#[larder::cached(local)]
fn counted(id: u32) -> Rc<u32> {
    Rc::new(id)
}

fn main() {
    let _ = (open(1), reopen(1), counted(1));
}
