package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One process among all that ever had its number.
 *
 * @param startTime in clock ticks since boot, field 22 of {@code /proc/PID/stat} (proc(5))
 * @param boot the kernel's {@code boot_id}
 * @param namespace the pid namespace that the number belongs to
 */
public record ProcessKey(int pid, long startTime, String boot, String namespace) {
  private static final ProcessKey SELF = readSelf();

  /** This process. */
  static ProcessKey self() {
    return SELF;
  }

  /** A process that we see now. */
  static ProcessKey of(int pid, long startTime) {
    return new ProcessKey(pid, startTime, SELF.boot, SELF.namespace);
  }

  /** Reads what {@link #toString} gives. */
  static ProcessKey parse(String text) {
    String[] parts = text.split(" ", 4);
    if (parts.length < 4) {
      throw new IllegalArgumentException("no process: " + text);
    }
    return new ProcessKey(Integer.parseInt(parts[0]), Long.parseLong(parts[1]), parts[2], parts[3]);
  }

  /** Whether it may be alive; one of another pid namespace may, as we can't see it. */
  public boolean alive() {
    if (!boot.equals(SELF.boot) || !namespace.equals(SELF.namespace)) {
      return boot.equals(SELF.boot);
    }
    try {
      String[] stat = stat("" + pid);
      boolean dead =
          "ZX".contains(stat[0]) && stat[17].equals("1"); // a zombie without live threads
      return !dead && stat[19].equals("" + startTime);
    } catch (ErrnoException e) {
      return e.errno() != Errno.ENOENT && e.errno() != Errno.ESRCH;
    }
  }

  /** The fields of a stat from the third on, the state; the name before may hold anything. */
  static String[] stat(String pid) throws ErrnoException {
    String text = Libc.readText("/proc/" + pid + "/stat");
    String[] fields = text.substring(text.lastIndexOf(')') + 1).strip().split(" ");
    if (fields.length < 20) {
      throw new ErrnoException(Errno.ESRCH, "read /proc/" + pid + "/stat");
    }
    return fields;
  }

  private static ProcessKey readSelf() {
    try {
      String text = Libc.readText("/proc/self/stat");
      int pid = Integer.parseInt(text.substring(0, text.indexOf(' ')));
      String boot = Libc.readText("/proc/sys/kernel/random/boot_id").strip();
      String namespace = Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
      return new ProcessKey(pid, Long.parseLong(stat("self")[19]), boot, namespace);
    } catch (IOException e) {
      return new ProcessKey((int) ProcessHandle.current().pid(), 0, "?", "?");
    }
  }

  @Override
  public String toString() {
    return pid + " " + startTime + " " + boot + " " + namespace;
  }
}
