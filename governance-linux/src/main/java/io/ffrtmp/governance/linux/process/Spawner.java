package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
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
  /** Who lets a process at the gate become a workload. */
  public interface Admission {
    /** Places, limits and verifies the process, which has not executed the program. */
    void admit(int pid, Pidfd pidfd) throws SpawnException;
  }

  /**
   * A workload that runs.
   *
   * @param pidfd empty if the child ended and was reaped by somebody else, or none could be had
   * @param inheritedPipes which of 1 and 2 it inherited as a pipe or socket
   */
  public record Spawned(int pid, Optional<Pidfd> pidfd, List<Integer> inheritedPipes) {}

  private static final int SIGCHLD = 17;

  private final Environment ours = Environment.ours();

  /**
   * How workloads are spawned here, and what stands in for CPU weights.
   *
   * @param grouped whether they get a group
   * @param told whether the kernel tells how a child ended that it reaped itself
   */
  public static List<Capability> capabilities(boolean grouped, boolean bornInside, boolean told) {
    String gate = "held at a gate, " + (Gate.isDash() ? "dash" : "/bin/sh and env") + ", until ";
    boolean born = bornInside && Spawn.canSetCgroup();
    String placed = born ? "posix_spawn into the cgroup" : gate + "placed";
    String alone = "posix_spawn without a cgroup; for a weight " + gate + "reniced";
    return List.of(
        Capability.of("spawn", State.YES, grouped ? placed : alone),
        Capability.of("niceness", State.YES, Niceness.autogroups() ? "with autogroups" : "plain"),
        sigchld(told));
  }

  private static Capability sigchld(boolean told) {
    boolean ignored;
    try {
      String ign = ProcStatus.field(Libc.readText("/proc/self/status"), "SigIgn").orElse("0");
      ignored = (Long.parseUnsignedLong(ign, 16) & 1L << SIGCHLD - 1) != 0;
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
    String directory =
        workload.directory().map(path -> Program.absolute(path.toString(), here)).orElse(here);
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
    Strings strings = Strings.of(arguments);
    Program.checkLength(program, strings, environment.strings());
    return new Prepared(workload, directory, program, arguments, strings, environment);
  }

  private String searchPath() {
    return ours.get("PATH").orElse("/usr/local/bin:/bin:/usr/bin");
  }

  /**
   * A command that can be spawned, as far as that can be told beforehand. When it is spawned, the
   * program executes; when that throws, whose fault, at which step and why, nothing of it is left.
   */
  public record Prepared(
      Workload workload,
      String directory,
      String program,
      List<byte[]> arguments,
      Strings strings,
      Environment environment) {

    /** Spawns; with a descriptor of a cgroup (of v2), the process is born in it. */
    public Spawned spawn(OptionalInt birthplace) throws SpawnException {
      if (Descriptors.truncates(workload.stdout()) || Descriptors.truncates(workload.stderr())) {
        Program.check(program, directory); // a start that is refused leaves the old log alone
      }
      try (Descriptors descriptors = new Descriptors()) {
        int[] stdio = descriptors.open(workload);
        int pid = Spawn.spawn(program, strings, environment.strings(), chdir(), stdio, birthplace);
        descriptors.spawned(); // leaves room for the pidfd
        return new Spawned(pid, pidfd(pid), Descriptors.inheritedPipes(stdio));
      } catch (ErrnoException e) {
        Program.check(program, directory); // names the cause better, if it can
        boolean commands = SpawnException.WORKLOADS_FAULT.contains(e.errno());
        boolean birth = birthplace.isPresent(); // which may be what was refused
        throw SpawnException.of(commands && !birth ? Step.EXEC : Step.SPAWN, e);
      }
    }

    /** Whoever watches the process finds out why there is none. */
    private static Optional<Pidfd> pidfd(int pid) {
      try {
        return Optional.of(Pidfd.open(pid));
      } catch (ErrnoException reapedByOthersOrNoDescriptor) {
        return Optional.empty();
      }
    }

    /** Spawns through a gate. What it waits for is done while its shell starts, elsewhere. */
    public Spawned spawnAtGate(Admission admission) throws SpawnException {
      Program.check(program, directory);
      boolean plain = Gate.handsOn(environment);
      checkGate(plain); // before the old log is emptied
      Gate.Command command = Gate.command(Gate.SHELL, plain, program, arguments, environment);
      Program.checkLength(command.path(), command.arguments(), command.environment());
      try (Gate gate = new Gate();
          Descriptors descriptors = new Descriptors()) {
        int[] stdio = descriptors.open(workload);
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
        descriptors.spawned();
        Optional<Pidfd> pidfd = Optional.empty();
        try {
          pidfd = Optional.of(Pidfd.open(pid));
          admission.admit(pid, pidfd.get());
          String status = gate.open();
          if (!status.isEmpty()) {
            throw refused(status);
          }
          return new Spawned(pid, pidfd, Descriptors.inheritedPipes(stdio));
        } catch (SpawnException | ErrnoException | RuntimeException | Error e) {
          gate.shut();
          Pidfd.reap(pid);
          pidfd.ifPresent(Pidfd::close);
          throw e;
        }
      } catch (ErrnoException e) {
        throw SpawnException.of(e.errno() == Errno.E2BIG ? Step.EXEC : Step.SPAWN, e);
      }
    }

    private void checkGate(boolean plain) throws SpawnException {
      if (!plain && program.indexOf('=') >= 0) {
        String why = " has a = in its path, which env(1) can't execute, but env must carry ";
        String cure =
            Gate.isDash()
                ? environment.notForDash() + ": rename the path, or start without these"
                : "the environment where /bin/sh is not dash: rename the path";
        throw SpawnException.of(Fault.PLATFORM, Step.PROGRAM, "program " + program + why + cure);
      }
      for (String tool : plain ? List.of(Gate.SHELL) : List.of(Gate.SHELL, Gate.ENV)) {
        if (Libc.access(tool, Libc.X_OK) != 0) {
          String why = " can't be executed, which the gate needs; install it";
          throw SpawnException.of(Fault.PLATFORM, Step.SPAWN, tool + why);
        }
      }
    }

    /** The shell could not execute the program though it looked well: look again for the errno. */
    private SpawnException refused(String status) {
      try {
        Program.check(program, directory);
        Program.attempt(program);
      } catch (SpawnException e) {
        return e;
      }
      String why = " could not be executed; the shell at the gate says " + status;
      return SpawnException.of(Fault.WORKLOAD, Step.EXEC, "program " + program + why);
    }

    private Optional<String> chdir() {
      return workload.directory().map(path -> directory);
    }
  }
}
