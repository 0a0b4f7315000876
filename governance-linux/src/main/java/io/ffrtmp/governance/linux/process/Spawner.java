package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.libc.Spawn;
import io.ffrtmp.governance.linux.libc.Strings;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Starts workloads, each in a session of its own with clean signals, descriptors 0 to 2 and nothing
 * else of ours. Thread-safe.
 */
public final class Spawner {
  /** Who lets a process become a workload. */
  public interface Admission {
    /** Whether the process must be held at a gate until {@link #admit} has seen it. */
    boolean gated();

    /** A descriptor of the cgroup to be born in, for a process without a gate. */
    OptionalInt birthplace();

    /** Places, limits and verifies the process at the gate; it has not executed the program. */
    void admit(int pid) throws SpawnException;
  }

  /**
   * A workload that runs.
   *
   * @param pidfd empty if the child ended and was reaped by somebody else, or none could be had
   * @param inheritedPipes which of 1 and 2 it inherited as a pipe or socket
   */
  public record Spawned(int pid, Optional<Pidfd> pidfd, List<Integer> inheritedPipes) {}

  private static final int SIGCHLD = 17;
  private static final int STDOUT = 1;
  private static final int STDERR = 2;
  private static final String NULL = "/dev/null";

  private final Environment ours = Environment.ours();

  /** Whether the C library can have a child born in a cgroup: glibc 2.39 and later. */
  public static boolean bearsInside() {
    return Spawn.canSetCgroup();
  }

  /**
   * How workloads are spawned here, and what stands in for CPU weights.
   *
   * @param grouped whether they get a group
   * @param told whether the kernel tells how a child ended that it reaped itself
   */
  public static List<Capability> capabilities(boolean grouped, boolean bornInside, boolean told) {
    String gate = "held at a gate, " + (Gate.isDash() ? "dash" : "/bin/sh and env") + ", until ";
    String placed = bornInside && bearsInside() ? "posix_spawn into the cgroup" : gate + "placed";
    String alone = "posix_spawn without a cgroup; for a weight " + gate + "reniced";
    return List.of(
        Capability.of("spawn", State.YES, grouped ? placed : alone),
        Capability.of("niceness", State.YES, Niceness.autogroups() ? "with autogroups" : "plain"),
        sigchld(told));
  }

  private static Capability sigchld(boolean told) {
    boolean ignored = false;
    try {
      String ign =
          Libc.readText("/proc/self/status")
              .lines()
              .filter(line -> line.startsWith("SigIgn:"))
              .findFirst()
              .orElse("SigIgn: 0");
      ignored = (Long.parseUnsignedLong(ign.substring(7).strip(), 16) & 1L << SIGCHLD - 1) != 0;
    } catch (ErrnoException | NumberFormatException unknown) {
      return Capability.of("sigchld", State.PARTLY, "its disposition can't be read");
    }
    String lost = told ? ", and of one that ends at once the status may be lost" : "";
    return ignored
        ? Capability.of(
                "sigchld", State.PARTLY, "ignored: the kernel reaps our children itself" + lost)
            .cure(
                "start the JVM with SIGCHLD at its default"
                    + (told ? "" : ", or Linux 6.15 or later"))
        : Capability.of("sigchld", State.YES, "not ignored");
  }

  /** Checks directory and program without any side effect. */
  public Prepared prepare(Workload workload) throws SpawnException {
    String here = System.getProperty("user.dir");
    String directory = workload.directory().map(path -> here(path.toString(), here)).orElse(here);
    int errno = workload.directory().isPresent() ? Libc.access(directory + "/.", Libc.X_OK) : 0;
    if (errno != 0) {
      throw SpawnException.of(
          Step.DIRECTORY, errno, "directory " + directory + ": " + Errno.name(errno));
    }
    Environment environment = ours.with(workload.environment());
    String program = Program.find(workload.command().get(0), directory, this::searchPath);
    List<byte[]> arguments = new ArrayList<>();
    arguments.add(program.getBytes(StandardCharsets.UTF_8));
    for (String argument : workload.command().subList(1, workload.command().size())) {
      arguments.add(argument.getBytes(StandardCharsets.UTF_8));
    }
    Prepared prepared = new Prepared(workload, directory, program, arguments, environment);
    Program.checkLength(prepared.strings.longest());
    Program.checkLength(environment.strings().longest());
    return prepared;
  }

  private String searchPath() {
    return ours.get("PATH").orElse("/usr/local/bin:/bin:/usr/bin");
  }

  private static String here(String path, String here) {
    return path.startsWith("/") ? path : here + "/" + path;
  }

  /** A command that can be spawned, as far as that can be told beforehand. */
  public static final class Prepared {
    private final Workload workload;
    private final String directory;
    private final String program;
    private final List<byte[]> arguments;
    private final Strings strings;
    private final Environment environment;

    private Prepared(
        Workload workload,
        String directory,
        String program,
        List<byte[]> arguments,
        Environment environment) {
      this.workload = workload;
      this.directory = directory;
      this.program = program;
      this.arguments = arguments;
      strings = Strings.of(arguments);
      this.environment = environment;
    }

    /**
     * Spawns. When this returns, the program executes; when it throws, nothing of it is left.
     *
     * @throws SpawnException whose fault, at which step, and why
     */
    public Spawned spawn(Admission admission) throws SpawnException {
      if (admission.gated() || truncates(workload.stdout()) || truncates(workload.stderr())) {
        Program.check(program, directory); // a start that is refused leaves the old log alone
      }
      List<Integer> opened = new ArrayList<>();
      int[] stdio;
      try {
        stdio = openStdio(opened);
        return admission.gated()
            ? throughGate(admission, stdio, opened)
            : direct(admission, stdio, opened);
      } finally {
        closeAll(opened);
      }
    }

    private Spawned direct(Admission admission, int[] stdio, List<Integer> opened)
        throws SpawnException {
      int pid;
      try {
        pid =
            Spawn.spawn(
                program, strings, environment.strings(), chdir(), stdio, admission.birthplace());
      } catch (ErrnoException e) {
        Program.check(program, directory); // names the cause better, if it can
        boolean commands = SpawnException.WORKLOADS_FAULT.contains(e.errno());
        boolean birth = admission.birthplace().isPresent(); // which may be what was refused
        throw SpawnException.of(commands && !birth ? Step.EXEC : Step.SPAWN, e);
      }
      List<Integer> pipes = inheritedPipes();
      closeAll(opened); // leaves room for the pidfd
      try {
        return new Spawned(pid, Optional.of(Pidfd.open(pid)), pipes);
      } catch (ErrnoException reapedByOthersOrNoDescriptor) { // whoever watches it finds out which
        return new Spawned(pid, Optional.empty(), pipes);
      }
    }

    /** What the gate is to wait for is done while its shell starts, on another core. */
    private Spawned throughGate(Admission admission, int[] stdio, List<Integer> opened)
        throws SpawnException {
      boolean plain = Gate.handsOn(environment);
      if (!plain && program.indexOf('=') >= 0) {
        throw new SpawnException(
            StartFailure.of(
                Fault.WORKLOAD,
                Step.PROGRAM,
                Optional.empty(),
                "program " + program + " has a = in its path, which env(1) can't execute"));
      }
      if (Libc.access(Gate.SHELL, Libc.X_OK) != 0) {
        throw lacking(Gate.SHELL);
      }
      try (Gate gate = new Gate()) {
        Gate.Command command = Gate.command(Gate.SHELL, plain, program, arguments, environment);
        int[] ends = gate.childsEnds();
        int[] fds = {stdio[0], stdio[1], stdio[2], ends[0], ends[1]};
        int pid =
            Spawn.spawn(
                command.path(),
                command.arguments(),
                command.environment(),
                chdir(),
                fds,
                OptionalInt.empty());
        gate.spawned();
        closeAll(opened);
        Optional<Pidfd> pidfd = Optional.empty();
        try {
          pidfd = Optional.of(Pidfd.open(pid));
          admission.admit(pid);
          String status = gate.open();
          if (!status.isEmpty()) {
            throw refused(status, plain);
          }
          return new Spawned(pid, pidfd, inheritedPipes());
        } catch (SpawnException | ErrnoException | RuntimeException e) {
          gate.shut();
          Pidfd.reap(pid);
          pidfd.ifPresent(Pidfd::close);
          throw e;
        }
      } catch (ErrnoException e) {
        throw SpawnException.of(e.errno() == Errno.E2BIG ? Step.EXEC : Step.SPAWN, e);
      }
    }

    /** The shell could not execute the program though it looked well: look again for the errno. */
    private SpawnException refused(String status, boolean plain) {
      if (!plain && Libc.access(Gate.ENV, Libc.X_OK) != 0) {
        return lacking(Gate.ENV);
      }
      try {
        Program.check(program, directory);
      } catch (SpawnException e) {
        return e;
      }
      return new SpawnException(
          StartFailure.of(
              Fault.WORKLOAD,
              Step.EXEC,
              Optional.empty(),
              "program "
                  + program
                  + " could not be executed; the shell at the gate says "
                  + status));
    }

    private static SpawnException lacking(String tool) {
      return new SpawnException(
          StartFailure.of(
              Fault.PLATFORM,
              Step.SPAWN,
              Optional.empty(),
              tool + " can't be executed, which the gate needs; install it"));
    }

    private Optional<String> chdir() {
      return workload.directory().map(path -> directory);
    }

    /** The sources of the child's 0, 1 and 2; those opened here are added to the list. */
    private int[] openStdio(List<Integer> opened) throws SpawnException {
      OptionalInt nothing =
          workload.stdin().isEmpty() || discards(workload.stdout()) || discards(workload.stderr())
              ? OptionalInt.of(open(NULL, Libc.O_RDWR, opened)) // also keeps room for the pidfd
              : OptionalInt.empty();
      int in =
          workload.stdin().isEmpty()
              ? nothing.getAsInt()
              : open(workload.stdin().get().toString(), Libc.O_RDONLY | Libc.O_NOCTTY, opened);
      int[] stdio = {in, STDOUT, STDERR};
      int flags = Libc.O_WRONLY | Libc.O_CREAT | Libc.O_NOCTTY;
      for (int i = STDOUT; i <= STDERR; i++) {
        Stdio output = i == STDOUT ? workload.stdout() : workload.stderr();
        String path = output.path().map(Object::toString).orElse(NULL);
        stdio[i] =
            switch (output.kind()) {
              case INHERIT -> i;
              case SAME_AS_STDOUT -> stdio[STDOUT];
              case DISCARD -> nothing.getAsInt();
              case TRUNCATE -> open(path, flags, opened);
              case APPEND -> open(path, flags | Libc.O_APPEND, opened);
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

    private static boolean truncates(Stdio output) {
      return output.kind() == Stdio.Kind.TRUNCATE;
    }

    private static boolean discards(Stdio output) {
      return output.kind() == Stdio.Kind.DISCARD;
    }

    private static int open(String path, int flags, List<Integer> opened) throws SpawnException {
      try {
        boolean there = !path.equals(NULL) && Libc.access(path, Libc.F_OK) == 0;
        if (there && Libc.stat(path).type() == Libc.S_IFIFO) {
          boolean input = (flags & Libc.O_WRONLY) == 0;
          String harm =
              input
                  ? "for whose writer the start would wait"
                  : "which would kill the workload with its reader";
          throw new SpawnException(
              StartFailure.of(
                  Fault.WORKLOAD,
                  Step.STDIO,
                  Optional.empty(),
                  path + " is a pipe, " + harm + "; use a file"));
        }
        int fd = Libc.aboveStdio(Libc.open(path, flags));
        opened.add(fd);
        return fd;
      } catch (ErrnoException e) {
        throw SpawnException.of(Step.STDIO, e);
      }
    }

    private static void closeAll(List<Integer> descriptors) {
      descriptors.forEach(Libc::close);
      descriptors.clear();
    }

    private List<Integer> inheritedPipes() {
      List<Integer> pipes = new ArrayList<>();
      boolean out = workload.stdout().kind() == Stdio.Kind.INHERIT;
      Stdio.Kind err = workload.stderr().kind();
      if (out && isPipe(STDOUT)) {
        pipes.add(STDOUT);
      }
      if ((err == Stdio.Kind.INHERIT && isPipe(STDERR))
          || (err == Stdio.Kind.SAME_AS_STDOUT && pipes.contains(STDOUT))) {
        pipes.add(STDERR);
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
  }
}
