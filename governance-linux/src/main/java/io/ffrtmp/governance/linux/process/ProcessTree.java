package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Who descends from whom, as far as the kernel still knows: an orphan has another parent. */
public final class ProcessTree {
  private static final Optional<ProcStat> OURS = ProcStat.read(ProcessHandle.current().pid());

  private ProcessTree() {}

  /** A process and its descendants, parents before children; itself alone if it is gone. */
  public static Set<Integer> of(int pid) {
    Set<Integer> found = new LinkedHashSet<>(List.of(pid));
    for (List<Integer> level = List.of(pid); !level.isEmpty(); ) {
      List<Integer> next = new ArrayList<>();
      level.forEach(parent -> children(parent).stream().filter(found::add).forEach(next::add));
      level = next;
    }
    return found;
  }

  /** Each thread has children of its own (proc_tid_children(5)). */
  private static List<Integer> children(int pid) {
    List<Integer> children = new ArrayList<>();
    boolean threads = ProcStat.read(pid).filter(stat -> stat.threads() > 1).isPresent();
    for (String task : threads ? tasks(pid) : List.of("/proc/" + pid + "/task/" + pid)) {
      try {
        for (String child : Libc.readText(task + "/children").strip().split(" ")) {
          if (!child.isEmpty()) {
            children.add(Integer.parseInt(child));
          }
        }
      } catch (ErrnoException gone) {
        continue;
      }
    }
    return children;
  }

  private static List<String> tasks(int pid) {
    List<String> tasks = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
      all.forEach(task -> tasks.add(task.toString()));
    } catch (IOException | DirectoryIteratorException gone) {
      return tasks;
    }
    return tasks;
  }

  /**
   * Whether a process is this one, or one that it descends from, init included. None of these is
   * younger than its child.
   */
  public static boolean isAncestorOfOurs(int pid, long startTime) {
    if (OURS.filter(stat -> stat.startTime() < startTime).isPresent()) {
      return false;
    }
    int each = (int) ProcessHandle.current().pid();
    while (each > 1 && each != pid) {
      each =
          ProcStat.read(each)
              .filter(stat -> stat.startTime() >= startTime)
              .map(ProcStat::parent)
              .orElse(0);
    }
    return each == pid || pid == 1;
  }
}
