package io.ffrtmp.governance.linux.observe;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.ExitStatus.Unknown;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.util.Optional;
import java.util.OptionalInt;

/** How a process ended, as the kernel tells it; never a guess. */
public final class ExitReader {
  private static final int CORE_DUMPED = 0x80; // wait(2), WCOREDUMP

  private ExitReader() {}

  /**
   * Reaps our own child, which has ended. If somebody else reaped it (SIGCHLD ignored, or a foreign
   * wait), the kernel may still tell by the pidfd, from Linux 6.15 on.
   */
  public static ExitStatus reap(Pidfd pidfd) {
    try {
      OptionalInt status = pidfd.reap();
      return status.isPresent() ? of(status.getAsInt()) : reaped(pidfd);
    } catch (ErrnoException e) {
      return new Unknown(Cause.OBSERVATION_BROKE);
    }
  }

  private static ExitStatus reaped(Pidfd pidfd) {
    try {
      OptionalInt status = pidfd.waitStatus();
      return status.isPresent() ? of(status.getAsInt()) : new Unknown(Cause.AUTO_REAPED);
    } catch (ErrnoException olderKernel) {
      return new Unknown(Cause.AUTO_REAPED);
    }
  }

  /**
   * How a process ended that is not our child and that has ended; empty while nobody has reaped it
   * on a kernel that will tell then.
   */
  public static Optional<ExitStatus> stranger(Pidfd pidfd) {
    try {
      OptionalInt status = pidfd.waitStatus();
      return status.isPresent() ? Optional.of(of(status.getAsInt())) : Optional.empty();
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ESRCH) {
        return Optional.empty(); // it is being reaped at this instant (pidfd_info in fs/pidfs.c)
      }
      boolean refused = e.errno() == Errno.EPERM || e.errno() == Errno.EACCES;
      return Optional.of(zombie(pidfd, refused ? Cause.NOT_PERMITTED : Cause.KERNEL_TOO_OLD));
    }
  }

  /**
   * How a zombie ended: the kernel shows the status to its own user and to the privileged, to all
   * others 0, so that a 0 proves nothing (proc_pid_stat(5), exit_code).
   *
   * @param otherwise why it is unknown if that does not tell
   */
  public static ExitStatus zombie(Pidfd pidfd, Cause otherwise) {
    OptionalInt pid = pidfd.pid();
    try {
      String stat = Libc.readText("/proc/" + pid.orElse(0) + "/stat");
      String[] fields = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ");
      int status = Integer.parseInt(fields[49]);
      boolean its = pid.isPresent() && pidfd.pid().equals(pid); // nobody else had the number
      return its && status != 0 ? of(status) : new Unknown(otherwise);
    } catch (ErrnoException | RuntimeException gone) {
      return new Unknown(otherwise);
    }
  }

  /** Whether the kernel tells how processes ended that are not our children. */
  public static Capability capability(String kernel) {
    String name = "exit_status_of_strangers";
    try (Pidfd ourselves = Pidfd.open((int) ProcessHandle.current().pid())) {
      ourselves.waitStatus();
      String[] version = kernel.split("[^0-9]+");
      boolean told = Integer.parseInt(version[0]) * 1000 + Integer.parseInt(version[1]) >= 6015;
      if (told) {
        return Capability.of(name, State.YES, "PIDFD_GET_INFO tells it once they are reaped");
      }
    } catch (ErrnoException | RuntimeException olderKernel) {
      // told below
    }
    return Capability.of(name, State.NO, "Linux " + kernel + " does not tell")
        .cure("Linux 6.15 or later");
  }

  /**
   * Of a wait status: the signal in the low seven bits, the exit code in the second byte (wait(2)).
   */
  static ExitStatus of(int waitStatus) {
    int signal = waitStatus & 0x7f;
    return signal == 0
        ? new Exited(waitStatus >> 8 & 0xff)
        : new Signalled(new Signal(signal), (waitStatus & CORE_DUMPED) != 0);
  }
}
