package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.Map;

/**
 * The file, or on v1 the files, by which the kernel takes one limit. Texts have the form of cgroup
 * v2 in both directions (Documentation/admin-guide/cgroup-v2.rst).
 */
interface ControlFile {
  /** The name of the file; of several, of the one that matters. */
  String name();

  /** Asks the kernel for this limit. */
  void write(CgroupFiles files, String directory, String wanted) throws ErrnoException;

  /** What the kernel holds, as far as it concerns what is wanted. */
  String read(CgroupFiles files, String directory, String wanted) throws ErrnoException;

  /** One file with one value. */
  record Plain(String name) implements ControlFile {
    @Override
    public void write(CgroupFiles files, String directory, String wanted) throws ErrnoException {
      files.write(directory + "/" + name, wanted);
    }

    @Override
    public String read(CgroupFiles files, String directory, String wanted) throws ErrnoException {
      return files.read(directory + "/" + name).strip();
    }
  }

  /** v1's two files for cpu.max (Documentation/scheduler/sched-bwc.rst). */
  record Quota(String name, String period) implements ControlFile {
    @Override
    public void write(CgroupFiles files, String directory, String wanted) throws ErrnoException {
      String[] values = wanted.split(" ");
      try {
        files.write(directory + "/" + period, values[1]);
        files.write(directory + "/" + name, values[0]);
      } catch (ErrnoException e) { // an ancestor's limit may admit the other order only
        files.write(directory + "/" + name, values[0]);
        files.write(directory + "/" + period, values[1]);
      }
    }

    @Override
    public String read(CgroupFiles files, String directory, String wanted) throws ErrnoException {
      String quota = files.read(directory + "/" + name).strip();
      String length = files.read(directory + "/" + period).strip();
      return (quota.equals("-1") ? "max " : quota + " ") + length;
    }
  }

  /** v2's io.max: a line for each device that has a limit. */
  record Devices(String name) implements ControlFile {
    @Override
    public void write(CgroupFiles files, String directory, String wanted) throws ErrnoException {
      files.write(directory + "/" + name, wanted);
    }

    @Override
    public String read(CgroupFiles files, String directory, String wanted) throws ErrnoException {
      String text = files.read(directory + "/" + name);
      String[] words = wanted.split(" ");
      String line = after(text, words[0] + " ", "\n", "");
      for (int i = 1; i < words.length; i++) {
        String key = words[i].substring(0, words[i].indexOf('=') + 1);
        words[i] = key + after(line, key, " ", "max");
      }
      return String.join(" ", words);
    }
  }

  /** v1's file for each rate, with a line for each device. */
  record Rates(String name, Map<String, String> names) implements ControlFile {
    @Override
    public void write(CgroupFiles files, String directory, String wanted) throws ErrnoException {
      String[] words = wanted.split(" ");
      for (int i = 1; i < words.length; i++) {
        String[] rate = words[i].split("=");
        files.write(directory + "/" + names.get(rate[0]), words[0] + " " + rate[1]);
      }
    }

    @Override
    public String read(CgroupFiles files, String directory, String wanted) throws ErrnoException {
      String[] words = wanted.split(" ");
      for (int i = 1; i < words.length; i++) {
        String key = words[i].split("=")[0];
        String text = files.read(directory + "/" + names.get(key));
        words[i] = key + "=" + after(text, words[0] + " ", "\n", "max");
      }
      return String.join(" ", words);
    }
  }

  /** What stands between a start, at the text's or a word's beginning, and the next end. */
  static String after(String text, String start, String end, String otherwise) {
    String padded = end + text.strip() + end;
    int at = padded.indexOf(end + start);
    int from = at + end.length() + start.length();
    return at < 0 ? otherwise : padded.substring(from, padded.indexOf(end, from)).strip();
  }
}
