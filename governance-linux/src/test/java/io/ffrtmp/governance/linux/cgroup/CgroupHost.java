package io.ffrtmp.governance.linux.cgroup;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/** A base of one test's own on the real kernel; closing it ends what the test started and made. */
final class CgroupHost {
  private static final AtomicInteger COUNT = new AtomicInteger();

  final String name =
      "ffrtmp-test-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
  final Hierarchies hierarchies = Hierarchies.read(CgroupFiles.kernel());
  final Base base = base(CgroupFiles.kernel());
  private final List<Process> processes = new ArrayList<>();

  CgroupHost() {
    List<String> missing =
        base.capabilities().stream()
            .filter(
                each -> List.of("base", "cpu.max", "memory.max", "io.max").contains(each.name()))
            .filter(each -> each.state() == State.NO)
            .map(each -> each.name() + " at " + each.detail() + ", cure: " + each.cure().orElse(""))
            .toList();
    assumeTrue(missing.isEmpty(), "no base for all limits: " + missing);
  }

  boolean unified() {
    return hierarchies.job().get(0).unified();
  }

  Base base(CgroupFiles files) {
    return Base.find(files, hierarchies, Optional.empty(), name);
  }

  static Mark mark(String id) {
    return Mark.of(id, Mode.RUN, Optional.empty(), Limits.NONE);
  }

  /** The mark that a governor left which is not alive any more. */
  static Mark deadMark(String id) {
    ProcessKey self = ProcessKey.self();
    ProcessKey dead =
        new ProcessKey(self.pid(), self.startTime() + 1, self.boot(), self.namespace());
    Map<String, String> fields = new LinkedHashMap<>(mark(id).fields());
    fields.put("owner", dead.toString());
    return new Mark(fields);
  }

  JobGroup create(String id) throws Exception {
    return base.home().create(id, mark(id));
  }

  /** The directories where the jobs live, the primary first. */
  List<Path> homes() {
    return hierarchies.job().stream()
        .map(each -> Site.find(hierarchies, each, Optional.empty(), false).orElseThrow())
        .map(site -> Path.of(site.group().file(name)))
        .toList();
  }

  /** The directory of a job in the hierarchy of a controller. */
  Path directory(String controller, String id) {
    List<Path> homes = homes();
    int index = hierarchies.job().indexOf(hierarchies.of(controller).orElseThrow());
    return homes.get(index).resolve(id);
  }

  String read(String controller, String id, String file) throws IOException {
    return Files.readString(directory(controller, id).resolve(file)).strip();
  }

  /** A shell in the group, which runs the script only once it is there. */
  Process run(JobGroup group, String script) throws Exception {
    Process process = start("read go; " + script);
    group.place((int) process.pid());
    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
    return process;
  }

  /** A shell in our own group. */
  Process start(String script) throws IOException {
    Process process = new ProcessBuilder("sh", "-c", script).start();
    processes.add(process);
    return process;
  }

  void end(Process process) throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  void close() throws Exception {
    for (Process each : processes) {
      end(each);
    }
    for (Path home : homes()) {
      removeTree(home.toString());
    }
  }

  private static void removeTree(String directory) throws ErrnoException {
    if (Files.isDirectory(Path.of(directory))) {
      for (String each : CgroupFiles.kernel().subdirectories(directory)) {
        removeTree(each);
      }
      // A shell may have forked right before it was ended: only its group knows who is left.
      await().atMost(Duration.ofSeconds(60)).until(() -> endMembers(directory) && rmdir(directory));
    }
  }

  private static boolean endMembers(String directory) throws IOException {
    for (String pid : Files.readAllLines(Path.of(directory, "cgroup.procs"))) {
      ProcessHandle.of(Long.parseLong(pid)).ifPresent(ProcessHandle::destroyForcibly);
    }
    return true;
  }

  private static boolean rmdir(String directory) {
    try {
      Libc.rmdir(directory);
      return true;
    } catch (ErrnoException busy) {
      return false;
    }
  }
}
