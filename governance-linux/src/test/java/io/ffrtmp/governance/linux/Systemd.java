package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.core.ConditionTimeoutException;

/**
 * The units of systemd that a test makes, and what systemd and the kernel say of them: nothing here
 * asks the library. For root on cgroup v2.
 */
final class Systemd {
  static final Path TOP = Path.of("/sys/fs/cgroup");
  private static final Path UNITS = Path.of("/run/systemd/system");

  private final Path logs;
  private final List<Unit> units = new ArrayList<>();

  /** With a log for each service in this directory. */
  Systemd(Path logs) {
    this.logs = logs;
  }

  /** Skips the test where there is no systemd, or where we may not tell it what to do. */
  static void assumePresent() {
    assumeTrue(Files.isDirectory(UNITS), "PID 1 is not systemd");
    assumeTrue(LinuxHost.root(), "needs root to make units");
    assumeTrue(Files.exists(TOP.resolve("cgroup.controllers")), "needs cgroup v2 at " + TOP);
  }

  /** Skips the test where there is no user {@code worker}, as the guests have. */
  static void assumeUser() {
    assumeTrue(Files.isDirectory(Path.of("/home/worker")), "needs a user 'worker'");
  }

  /** The number of its release. */
  static int version() throws Exception {
    return Integer.parseInt(call("systemctl", "--version").split(" ")[1]);
  }

  /** Runs a command to its end, which must be a good one, and gives what it printed. */
  static String call(String... command) throws Exception {
    Ended ended = Ended.of(command);
    assertThat(ended.status).as("%s: %s", List.of(command), ended.printed).isZero();
    return ended.printed;
  }

  /** Runs a command to its end, which must be a bad one. */
  static void fail(String... command) throws Exception {
    Ended ended = Ended.of(command);
    assertThat(ended.status).as("%s: %s", List.of(command), ended.printed).isPositive();
  }

  private record Ended(int status, String printed) {
    static Ended of(String... command) throws Exception {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      byte[] printed = process.getInputStream().readAllBytes();
      boolean ended = process.waitFor(RunContract.PATIENCE.toSeconds(), TimeUnit.SECONDS);
      int status = ended ? process.exitValue() : -1;
      return new Ended(status, new String(printed, StandardCharsets.UTF_8).strip());
    }
  }

  /** A service with these lines in its {@code [Service]} section; {@link #load()} comes next. */
  Unit service(String name, String... lines) throws Exception {
    Unit unit = made("ffrtmp-test-" + name + ".service");
    List<String> text = new ArrayList<>();
    text.addAll(List.of("[Unit]", "StartLimitIntervalSec=0", "[Service]"));
    text.addAll(List.of("StandardOutput=append:" + unit.log(), "StandardError=inherit"));
    text.addAll(List.of(lines));
    Files.write(UNITS.resolve(unit.name), text);
    return unit;
  }

  /** Has systemd read the services' files. */
  static void load() throws Exception {
    call("systemctl", "daemon-reload");
  }

  /** A scope that somebody else makes. */
  Unit scope(String name) {
    return made("ffrtmp-test-" + name + ".scope");
  }

  private Unit made(String name) {
    Unit unit = new Unit(TOP.resolve("system.slice").resolve(name));
    units.add(unit);
    return unit;
  }

  /** The unit that a process lives in, which somebody else made and ends. */
  Unit of(long pid) {
    Path path = Path.of(TOP + cgroup(pid));
    while (!path.toString().matches(".*\\.(service|scope)")) {
      path = path.getParent();
    }
    return new Unit(path);
  }

  /** The path of a process's cgroup. */
  static String cgroup(long pid) {
    String text = LinuxHost.read(Path.of("/proc/" + pid + "/cgroup")).orElse("0::/gone");
    return text.lines()
        .filter(each -> each.startsWith("0::/"))
        .findFirst()
        .orElseThrow()
        .substring(3);
  }

  /** A file of a cgroup. */
  static String read(Path group, String file) throws IOException {
    return Files.readString(group.resolve(file)).strip();
  }

  /** Calls systemctl for all these units at once. */
  static void all(String verb, List<Unit> units) throws Exception {
    List<String> command = new ArrayList<>(List.of("systemctl", verb));
    units.forEach(each -> command.add(each.name));
    call(command.toArray(String[]::new));
  }

  /** Ends and removes all units that were made here. */
  void end() throws Exception {
    for (Unit each : units) {
      Ended.of("systemctl", "stop", each.name); // fails for one that has ended with another
      Path kill = each.group().resolve("cgroup.kill");
      if (Files.exists(kill)) { // what KillMode= left
        Files.writeString(kill, "1");
      }
      RunContract.soon().until(() -> !Files.exists(kill));
      Files.deleteIfExists(UNITS.resolve(each.name));
    }
    load();
  }

  /** A unit, as systemd tells of it when asked. */
  final class Unit {
    final String name;
    private final Path group;
    private int heard;

    private Unit(Path group) {
      this.group = group;
      this.name = group.getFileName().toString();
    }

    private Path log() {
      return logs.resolve(name + ".log");
    }

    Unit start() throws Exception {
      all("start", List.of(this));
      return this;
    }

    void stop() throws Exception {
      all("stop", List.of(this));
    }

    /** One more line of the service. */
    void add(String line) throws IOException {
      Files.writeString(UNITS.resolve(name), line + "\n", StandardOpenOption.APPEND);
    }

    void set(String... properties) throws Exception {
      List<String> command = new ArrayList<>(List.of("systemctl", "set-property", "--runtime"));
      command.add(name);
      command.addAll(List.of(properties));
      call(command.toArray(String[]::new));
    }

    /** Some properties, each as {@code NAME=value}, in systemd's order. */
    String get(String... properties) throws Exception {
      return call("systemctl", "show", "-p", String.join(",", properties), name);
    }

    long mainPid() throws Exception {
      return Long.parseLong(get("MainPID").substring("MainPID=".length()));
    }

    /** The directory of its cgroup. */
    Path group() {
      return group;
    }

    /** The processes that live in its cgroup and beneath it. */
    List<Long> members() throws IOException {
      List<Long> all = new ArrayList<>();
      for (String each : state().keySet()) {
        all.addAll(JobTree.pids(Path.of(each)));
      }
      return all;
    }

    /** All of its cgroup that could differ: directories, who lives where, what is handed down. */
    Map<String, String> state() throws IOException {
      Map<String, String> state = new TreeMap<>();
      try (Stream<Path> all = Files.walk(group)) {
        for (Path each : all.filter(Files::isDirectory).toList()) {
          String handed = read(each, "cgroup.subtree_control");
          state.put(each.toString(), read(each, "cgroup.procs") + "; " + handed);
        }
      }
      return state;
    }

    /** Waits for the next line of its log that starts so, and gives the rest of it. */
    String hear(String start) {
      try {
        RunContract.soon().until(() -> find(start) >= 0);
      } catch (ConditionTimeoutException e) {
        throw new AssertionError("no '" + start + "' of " + this, e);
      }
      int found = find(start);
      heard = found + 1;
      return lines().get(found).substring(start.length()).strip();
    }

    private int find(String start) {
      List<String> lines = lines();
      for (int i = heard; i < lines.size(); i++) {
        if (lines.get(i).startsWith(start)) {
          return i;
        }
      }
      return -1;
    }

    private List<String> lines() {
      return LinuxHost.read(log()).orElse("").lines().toList();
    }

    @Override
    public String toString() {
      return name + ", which printed:\n" + String.join("\n", lines());
    }
  }
}
