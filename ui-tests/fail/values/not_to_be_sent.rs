use std::cell::Cell;
use std::rc::Rc;

#[larder::cached]
async fn counted(id: u32) -> Rc<u32> {
    Rc::new(id)
}

#[larder::cached]
async fn in_a_list(id: u32) -> Result<Vec<Rc<u32>>, String> {
    Ok(vec![Rc::new(id)])
}

#[larder::cached]
async fn changeable(id: u32) -> Cell<u32> {
    Cell::new(id)
}

fn main() {
    let _ = (counted(1), in_a_list(1), changeable(1));
}
