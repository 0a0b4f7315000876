package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.List;

/** What a workload gets as 0, 1 and 2; what is opened for it is closed with this. */
final class Descriptors implements AutoCloseable {
  private static final int STDOUT = 1;
  private static final int STDERR = 2;
  private static final String NULL = "/dev/null";

  private final List<Integer> opened = new ArrayList<>();

  /** The sources of the child's 0, 1 and 2: opened, at 10 or above, or our own 1 and 2. */
  int[] open(Workload workload) throws SpawnException {
    boolean discards = discards(workload.stdout()) || discards(workload.stderr());
    boolean none = workload.stdin().isEmpty();
    int nothing = none || discards ? open(NULL, Libc.O_RDWR) : -1; // keeps room for the pidfd too
    int in =
        none ? nothing : open(workload.stdin().get().toString(), Libc.O_RDONLY | Libc.O_NOCTTY);
    int[] stdio = {in, STDOUT, STDERR};
    int flags = Libc.O_WRONLY | Libc.O_CREAT | Libc.O_NOCTTY;
    for (int i = STDOUT; i <= STDERR; i++) {
      Stdio output = i == STDOUT ? workload.stdout() : workload.stderr();
      String path = output.path().map(Object::toString).orElse(NULL);
      stdio[i] =
          switch (output.kind()) {
            case INHERIT -> i;
            case SAME_AS_STDOUT -> stdio[STDOUT];
            case DISCARD -> nothing;
            case TRUNCATE -> open(path, flags);
            case APPEND -> open(path, flags | Libc.O_APPEND);
          };
    }
    truncate(workload.stdout(), stdio[STDOUT]);
    truncate(workload.stderr(), stdio[STDERR]);
    return stdio;
  }

  /** Only when all are open: a start that is refused leaves the old log alone. */
  private static void truncate(Stdio output, int fd) throws SpawnException {
    try {
      if (truncates(output)) {
        Libc.truncate(fd);
      }
    } catch (ErrnoException e) {
      throw SpawnException.of(Step.STDIO, e);
    }
  }

  static boolean truncates(Stdio output) {
    return output.kind() == Stdio.Kind.TRUNCATE;
  }

  private static boolean discards(Stdio output) {
    return output.kind() == Stdio.Kind.DISCARD;
  }

  private int open(String path, int flags) throws SpawnException {
    try {
      boolean there = !path.equals(NULL) && Libc.access(path, Libc.F_OK) == 0;
      if (there && Libc.stat(path).type() == Libc.S_IFIFO) {
        boolean input = (flags & Libc.O_WRONLY) == 0;
        String harm =
            input
                ? "for whose writer the start would wait"
                : "which would kill the workload with its reader";
        throw SpawnException.of(
            Fault.WORKLOAD, Step.STDIO, path + " is a pipe, " + harm + "; use a file");
      }
      int fd = Libc.aboveStdio(Libc.open(path, flags));
      opened.add(fd);
      return fd;
    } catch (ErrnoException e) {
      throw SpawnException.of(Step.STDIO, e);
    }
  }

  /** Which of the child's 1 and 2 are pipes or sockets of ours. */
  static List<Integer> inheritedPipes(int[] stdio) {
    List<Integer> pipes = new ArrayList<>();
    for (int i = STDOUT; i <= STDERR; i++) {
      if (stdio[i] <= STDERR && isPipe(stdio[i])) {
        pipes.add(i);
      }
    }
    return List.copyOf(pipes);
  }

  private static boolean isPipe(int fd) {
    try {
      int type = Libc.stat(fd).type();
      return type == Libc.S_IFIFO || type == Libc.S_IFSOCK;
    } catch (ErrnoException closed) {
      return false;
    }
  }

  /** Closes what the child has now. */
  void spawned() {
    opened.forEach(Libc::close);
    opened.clear();
  }

  @Override
  public void close() {
    spawned();
  }
}
