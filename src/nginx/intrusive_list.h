#pragma once
// A doubly linked list whose links live in its members: a session leaves every list it is in
// without searching, even while somebody walks the list.

namespace postern::nginx {

template <class T>
struct Link {
  Link* prev = this;
  Link* next = this;
  T* owner = nullptr;

  Link() = default;
  explicit Link(T* o) : owner(o) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { remove(); }

  bool linked() const { return next != this; }
  void remove() {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
};

template <class T>
class List {
 public:
  bool empty() const { return !head_.linked(); }
  T* front() { return empty() ? nullptr : head_.next->owner; }
  void push_back(Link<T>& link) {
    link.remove();
    link.prev = head_.prev;
    link.next = &head_;
    head_.prev->next = &link;
    head_.prev = &link;
  }
  /// All of `other` moves to our end.
  void take_all(List& other) {
    if (other.empty()) return;
    other.head_.next->prev = head_.prev;
    head_.prev->next = other.head_.next;
    other.head_.prev->next = &head_;
    head_.prev = other.head_.prev;
    other.head_.prev = other.head_.next = &other.head_;
  }
  template <class Each>
  void for_each(Each&& each) {
    for (auto* l = head_.next; l != &head_;) {
      auto* next = l->next;
      each(*l->owner);
      l = next;
    }
  }

 private:
  Link<T> head_;
};

}  // namespace postern::nginx
