package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.cgroup.Residence;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.process.SpawnException;
import io.ffrtmp.governance.linux.process.Spawner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The systemd unit that this JVM lives in, and what its end does to workloads (systemd.kill(5)).
 */
final class SystemdUnit {
  private static final String PATIENCE = "5"; // seconds; then timeout(1) ends it, for us to reap
  private static final String PROPERTIES = "KillMode,Delegate,DelegateSubgroup,Restart,Slice";

  private final String cgroup;
  private final String name;
  private final Map<String, String> properties;

  private SystemdUnit(String cgroup, String name, Map<String, String> properties) {
    this.cgroup = cgroup;
    this.name = name;
    this.properties = properties;
  }

  /** Asks systemd, if there is one; through a file in memory, so that nothing is left anywhere. */
  static SystemdUnit ours() {
    String cgroup = cgroup();
    String name = Residence.unit(cgroup);
    boolean asked = !name.isEmpty() && Files.isDirectory(Path.of("/run/systemd/system"));
    return new SystemdUnit(cgroup, name, asked ? show(name, userManager(cgroup)) : Map.of());
  }

  private static String cgroup() {
    try {
      Stream<String> lines = Libc.readText("/proc/self/cgroup").lines();
      return lines
          .filter(line -> line.contains(":name=systemd:") || line.startsWith("0::"))
          .max((a, b) -> Boolean.compare(a.contains("systemd"), b.contains("systemd")))
          .map(line -> line.substring(line.indexOf(":/") + 1))
          .orElse("/");
    } catch (ErrnoException noProc) {
      return "/";
    }
  }

  static boolean userManager(String cgroup) {
    return cgroup.contains("/user@") && !Residence.unit(cgroup).startsWith("user@");
  }

  static Map<String, String> show(String unit, boolean user) {
    int memory;
    try {
      memory = Libc.memoryFile("systemctl");
    } catch (ErrnoException none) {
      return Map.of();
    }
    try {
      String manager = user ? "--user" : "--system";
      Path output = Path.of("/proc/self/fd/" + memory);
      Workload ask =
          Workload.of(
                  "timeout", PATIENCE, "systemctl", manager, "show", "-p", PROPERTIES, "--", unit)
              .stdout(Stdio.truncate(output));
      Spawner.Spawned spawned = new Spawner().prepare(ask).spawn(OptionalInt.empty());
      try (Pidfd pidfd = spawned.pidfd().orElseThrow()) {
        if (!pidfd.ended(Duration.ofSeconds(10))) {
          return Map.of(); // not even timeout(1) could end it
        }
        pidfd.reap();
      }
      return parse(Libc.readText(output.toString()));
    } catch (SpawnException | ErrnoException | RuntimeException noSystemctl) {
      return Map.of();
    } finally {
      Libc.close(memory);
    }
  }

  static Map<String, String> parse(String text) {
    Map<String, String> properties = new TreeMap<>();
    text.lines()
        .map(line -> line.split("=", 2))
        .filter(pair -> pair.length == 2 && !pair[0].isEmpty())
        .forEach(pair -> properties.put(pair[0], pair[1]));
    return properties;
  }

  Capability capability() {
    if (name.isEmpty()) {
      return Capability.of("unit", State.NO, "no systemd unit; cgroup " + cgroup);
    }
    String told = properties.isEmpty() ? "systemctl tells nothing of it" : properties.toString();
    return Capability.of(
        "unit", properties.isEmpty() ? State.PARTLY : State.YES, name + ", " + told);
  }

  /**
   * What may end workloads together with us.
   *
   * @param inside whether workloads live in our own cgroup or below it
   */
  List<Capability> risks(boolean inside) {
    List<Capability> risks = new ArrayList<>();
    namespaceRisk().ifPresent(risks::add);
    String kill = properties.getOrDefault("KillMode", "");
    if (inside && !name.isEmpty() && (kill.isEmpty() || !kill.matches("process|none"))) {
      String how = kill.isEmpty() ? "unknown KillMode" : "KillMode=" + kill;
      risks.add(
          Capability.of("kill_mode", State.PARTLY, "stopping " + name + " kills workloads: " + how)
              .cure("KillMode=process in the unit's [Service] section"));
    }
    if (inside
        && name.endsWith(".service") // a scope is never started again
        && "yes".equals(properties.get("Delegate"))
        && properties.getOrDefault("DelegateSubgroup", "").isEmpty()) {
      risks.add(
          Capability.of(
                  "restart", State.PARTLY, name + " can't start again while a job lives in it")
              .cure(
                  "DelegateSubgroup=supervisor (systemd 254 or later), or a base outside the unit"));
    }
    if (inside && userManager(cgroup) && !lingers()) {
      risks.add(
          Capability.of("linger", State.PARTLY, "the user's manager ends with the last login")
              .cure("loginctl enable-linger " + System.getProperty("user.name")));
    }
    return risks;
  }

  private static boolean lingers() {
    return Files.exists(Path.of("/var/lib/systemd/linger", System.getProperty("user.name")));
  }

  /** When PID 1 of a pid namespace dies, everything in it dies (pid_namespaces(7)). */
  private static Optional<Capability> namespaceRisk() {
    long pid = ProcessHandle.current().pid();
    if (pid == 1) {
      return Optional.of(
          Capability.of("pid_namespace", State.NO, "this JVM is PID 1: all processes die with it")
              .cure("start it under an init, such as docker run --init"));
    }
    return Optional.empty();
  }
}
