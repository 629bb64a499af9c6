//! A router in the hands of a command from outside: what commands can do, whoever carries them out.

use super::context::Cx;
use super::inside::Io;
use crate::id::SocketId;
use crate::room::Task;

/// A router, while it carries out a command.
pub(crate) trait Access<S, D> {
    /// Lets `work` have the router without a socket.
    fn io(&mut self, work: &mut dyn FnMut(&mut Io<'_, S, D>));

    /// Lets `work` have a socket, if it is connected.
    fn socket(&mut self, socket: SocketId, work: &mut dyn FnMut(&mut Cx<'_, S, D>));

    /// Has the driver run a task.
    fn spawn(&mut self, task: Task);
}
