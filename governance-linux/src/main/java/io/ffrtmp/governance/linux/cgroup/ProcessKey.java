package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One process among all that ever had its number.
 *
 * @param startTime in ticks since boot, field 22 of {@code /proc/PID/stat} (proc(5))
 * @param boot the kernel's random id of this boot
 * @param namespace the pid namespace that the number belongs to
 */
public record ProcessKey(int pid, long startTime, String boot, String namespace) {
  private static final ProcessKey SELF = readSelf();

  /** This process. */
  public static ProcessKey self() {
    return SELF;
  }

  /** A process of this boot and namespace. */
  static ProcessKey of(int pid, long startTime) {
    return new ProcessKey(pid, startTime, SELF.boot, SELF.namespace);
  }

  /** Reads what {@link #toString} gives. */
  static ProcessKey parse(String text) {
    String[] parts = (text + "   ").split(" ", 4);
    int pid = Integer.parseInt(parts[0]);
    return new ProcessKey(pid, Long.parseLong(parts[1]), parts[2], parts[3].strip());
  }

  @Override
  public String toString() {
    return pid + " " + startTime + " " + boot + " " + namespace;
  }

  /** Whether its number is one of our pid namespace, and of this boot. */
  public boolean isInOurNamespace() {
    return boot.equals(SELF.boot) && namespace.equals(SELF.namespace);
  }

  /** Whether it may be alive: in another pid namespace we can't tell that it is not. */
  public boolean alive() {
    try {
      return isInOurNamespace()
          ? alive(Libc.readText("/proc/" + pid + "/stat"), startTime)
          : boot.equals(SELF.boot);
    } catch (ErrnoException e) {
      return !e.isGone() || hidden();
    }
  }

  /** Whether {@code /proc} shows that it is alive: a hidden one may be another by now. */
  public boolean isSeen() throws ErrnoException {
    try {
      return isInOurNamespace() && alive(Libc.readText("/proc/" + pid + "/stat"), startTime);
    } catch (ErrnoException e) {
      if (e.isGone()) {
        return false;
      }
      throw e;
    }
  }

  /** Whether {@code /proc} does not show a process that is there (hidepid, proc(5)). */
  private boolean hidden() {
    try (Pidfd any = Pidfd.open(pid)) {
      return !any.ended();
    } catch (ErrnoException e) {
      return !e.isGone() && e.errno() != Errno.EINVAL;
    }
  }

  /** Whether a stat is that of this start, and not of a zombie without another thread. */
  static boolean alive(String stat, long startTime) {
    String[] fields = fields(stat);
    boolean dead = "ZX".contains(fields[0]) && fields[17].equals("1");
    return !dead && fields[19].equals(Long.toString(startTime));
  }

  /** Whether a stat's process has not begun to exit: PF_EXITING in its flags. */
  static boolean running(String stat) {
    return (Long.parseLong(fields(stat)[6]) & 4) == 0;
  }

  /** The fields from the third on; the name before them may hold anything. */
  private static String[] fields(String stat) {
    return stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ");
  }

  private static ProcessKey readSelf() {
    try {
      String stat = Libc.readText("/proc/self/stat");
      int pid = Integer.parseInt(stat.substring(0, stat.indexOf(' ')));
      String boot = Libc.readText("/proc/sys/kernel/random/boot_id").strip();
      String namespace = Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
      return new ProcessKey(pid, Long.parseLong(fields(stat)[19]), boot, namespace);
    } catch (IOException e) { // no /proc: then nothing is found by its mark either
      return new ProcessKey(0, 0, "", "");
    }
  }
}
